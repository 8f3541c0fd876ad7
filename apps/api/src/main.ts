import { fileURLToPath } from 'node:url'
import { createControl, openControl } from '@roman/control'
import { createLogger, loadEnv, runProcess, watchRomanConfig } from '@roman/runtime'
import { buildServer, listenOn } from './server.ts'

const env = loadEnv()
const log = createLogger('api', env.log_level)

await runProcess(log, async () => {
  const { service_key: serviceKey } = env
  if (serviceKey === undefined) throw new Error('There is no service key. Set ROMAN_KEY to one that is hard to guess.')
  const config = watchRomanConfig(env.config_file, log)
  // Temporal may come later: what is asked for meanwhile is queued in the database.
  const opened = await openControl(env, config, log, { name: 'api', needsTemporal: false })
  const app = await buildServer({
    control: createControl(opened.context),
    serviceKey,
    logger: log,
    bodyLimitBytes: env.api.body_limit_bytes,
    dashboardDir: fileURLToPath(new URL('../../dashboard/dist', import.meta.url)),
  })
  const url = await listenOn(app, env.api)
  log.info({ url }, 'The API listens')
  return {
    stop: async () => {
      await app.close()
      await opened.close()
      config.close()
    },
  }
})
