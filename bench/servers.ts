import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { migrate, openDatabase } from '@roman/db'
import { type Environment, startPostgres, startTemporal, temporaryDirectory } from '@roman/local-stack'

export interface Servers {
  temporalAddress: string
  /** For what an installation keeps on disk. */
  directory: string
  /** A new database with all migrations applied. Answers its URL. */
  createDatabase(): Promise<string>
  stop(): Promise<void>
}

/**
 * A real PostgreSQL and a real Temporal server, as `pnpm dev` runs them (on disk, every commit flushed), on data of their
 * own that is removed at the end. PostgreSQL keeps the time of each commit: that is what delays are measured between.
 */
export const startServers = async (env: Environment, signal: AbortSignal): Promise<Servers> => {
  const directory = temporaryDirectory('roman-bench')
  const started = await Promise.allSettled([
    startPostgres({
      dataDir: join(directory.path, 'postgres'),
      settings: { max_connections: '200', track_commit_timestamp: 'on' },
      signal,
    }),
    startTemporal({ env, dataDir: join(directory.path, 'temporal'), uiPort: false, signal }),
  ])
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.status === 'fulfilled' && server.value.stop()))
    directory.remove()
  }
  const [postgres, temporal] = started
  if (postgres.status === 'rejected' || temporal.status === 'rejected') {
    await stop()
    throw postgres.status === 'rejected' ? postgres.reason : (temporal as PromiseRejectedResult).reason
  }
  return {
    temporalAddress: temporal.value.address,
    directory: directory.path,
    stop,
    async createDatabase() {
      const name = `bench_${randomBytes(4).toString('hex')}`
      const admin = openDatabase(postgres.value.url, { connectionsMax: 1 })
      try {
        await admin.pool.query(`CREATE DATABASE ${name}`)
      } finally {
        await admin.close()
      }
      const url = new URL(postgres.value.url)
      url.pathname = `/${name}`
      await migrate(url.href)
      return url.href
    },
  }
}
