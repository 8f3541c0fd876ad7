import { type PostgresOptions, type PostgresServer, startPostgres, temporaryDirectory } from '@roman/local-stack'
import { afterThisFile } from './cleanups.ts'

/**
 * A server of one's own, empty and without our roles, for what the run's server must not suffer. Every commit is flushed to
 * disk unless `settings` say otherwise. Stopped and gone after the file's last test, but for a `dataDir` that was given.
 */
export async function ownPostgres(options: Partial<PostgresOptions> = {}): Promise<PostgresServer> {
  const directory = temporaryDirectory('roman-own-postgres')
  const server = await startPostgres({ dataDir: directory.path, ...options })
  afterThisFile(async () => {
    await server.stop()
    directory.remove()
  })
  return server
}
