import { createLogger, loadEnv, runProcess, serveHealth, watchRomanConfig } from '@roman/runtime'
import { NativeConnection, Runtime } from '@temporalio/worker'
import { readBundle } from './bundle.ts'
import { createWorkerContext } from './context.ts'
import { temporalLogger } from './temporal-logger.ts'
import { startWorker } from './worker.ts'

const env = loadEnv()
const log = createLogger('worker', env.log_level)

await runProcess(log, async () => {
  Runtime.install({ logger: temporalLogger(log), shutdownSignals: [] })
  const health = env.health === null ? null : await serveHealth(env.health.port, env.health.host)
  const config = watchRomanConfig(env.config_file, log)
  const context = await createWorkerContext(env, config, log)
  const { address, tls, api_key } = env.temporal
  const connection = await NativeConnection.connect({
    address,
    ...(tls ? { tls } : {}),
    ...(api_key === undefined ? {} : { apiKey: api_key }),
  })
  const worker = await startWorker(context, connection, await readBundle(), env, log)
  health?.ready()
  log.info({ queues: context.queues }, 'The worker is at work')
  return {
    finished: worker.finished,
    stop: async () => {
      await health?.close()
      await worker.stop()
      await connection.close()
      await context.close()
      config.close()
    },
  }
})
