import { openDatabase, refuseNewerSchema } from '@roman/db'
import { createLogger, loadEnv, readRomanConfig, runProcess } from '@roman/runtime'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { createAnnouncementStore } from './announcement-store.ts'
import { configOf } from './config.ts'
import { startDiscordApp } from './context.ts'

const env = loadEnv()
const log = createLogger('discord', env.log_level)

await runProcess(log, async () => {
  const config = configOf(env, readRomanConfig(env.config_file))
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ message, meta }) => log.warn({ reason: String(meta?.error ?? '') }, message)),
  })
  const { address, tls, api_key } = env.temporal
  const db = openDatabase(env.database_url, { applicationName: 'roman-discord' })
  const app = startDiscordApp(config, {
    store: createAnnouncementStore(db),
    checkSchema: () => refuseNewerSchema(db.pool),
    log,
    connectTemporal: () =>
      NativeConnection.connect({
        address,
        ...(tls ? { tls } : {}),
        ...(api_key === undefined ? {} : { apiKey: api_key }),
      }),
  })
  return {
    finished: app.finished,
    stop: async () => {
      await app.stop()
      await db.close()
    },
  }
})
