import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TemporaryDirectory, temporaryDirectory } from '../src/reaper.ts'
import { resolveTemporal } from '../src/resolve-temporal.ts'

let directory: TemporaryDirectory
let servers: Server[]
beforeEach(() => {
  directory = temporaryDirectory('roman temporal')
  servers = []
})
afterEach(() => {
  for (const server of servers) server.close().closeAllConnections()
  directory.remove()
})

/** A program that answers `--version` as the CLI does; nothing more is asked of it here. */
function program(name: string, version: string): string {
  const home = join(directory.path, name)
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'temporal'), `#!/bin/sh\necho "temporal version ${version} (Server 1.32.0, UI 2.54.1)"\n`)
  chmodSync(join(home, 'temporal'), 0o755)
  return home
}

/** Nothing but the system's own programs: no temporal, and no Python, hence no pip. */
function environment(...path: string[]) {
  const bin = join(directory.path, 'bin')
  mkdirSync(bin, { recursive: true })
  for (const name of ['tar', 'gzip']) {
    writeFileSync(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin exec ${name} "$@"\n`, { mode: 0o755 })
  }
  return { PATH: [...path, bin].join(':'), XDG_CACHE_HOME: join(directory.path, 'cache') }
}

async function serve(listener: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(listener as never)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function serveArchive(): Promise<string> {
  const archive = join(directory.path, 'temporal.tar.gz')
  execFileSync('tar', ['-czf', archive, '-C', program('archive', '1.9.1'), 'temporal'])
  return serve((_request, response) => response.end(readFileSync(archive)))
}

const closed = 'http://127.0.0.1:9'

test('uses a temporal on the PATH that is new enough', async () => {
  const env = environment(program('old', '0.13.2'), program('good', '1.5.0'))
  expect(await resolveTemporal({ env, downloadOrigin: closed })).toEqual({
    path: join(directory.path, 'good', 'temporal'),
    version: '1.5.0',
    source: 'path',
  })
})

test('downloads it once, and from then on finds it in the cache', async () => {
  const env = environment()
  const downloadOrigin = await serveArchive()
  const first = await resolveTemporal({ env, downloadOrigin })
  expect(first.source).toBe('download')
  expect(await resolveTemporal({ env, downloadOrigin: closed })).toEqual({ ...first, source: 'cache' })
})

test('gives a whole program to each of several that fetch it at once', async () => {
  const env = environment()
  const downloadOrigin = await serveArchive()
  const found = await Promise.all([1, 2, 3, 4].map(() => resolveTemporal({ env, downloadOrigin })))
  expect(new Set(found.map(({ path }) => path)).size).toBe(1)
  const cache = join(env.XDG_CACHE_HOME, 'roman-rollback')
  expect(readdirSync(join(cache, readdirSync(cache)[0]!))).toEqual(['temporal'])
})

test('does not keep what arrived broken', async () => {
  const env = environment()
  const downloadOrigin = await serve((_request, response) => response.end('not an archive'))
  await expect(resolveTemporal({ env, downloadOrigin })).rejects.toThrow('No Temporal server')
  expect((await resolveTemporal({ env, downloadOrigin: await serveArchive() })).source).toBe('download')
})

test('gives up within seconds on a network that swallows requests', async () => {
  const downloadOrigin = await serve(() => {})
  const before = performance.now()
  await expect(resolveTemporal({ env: environment(), downloadOrigin })).rejects.toThrow('no answer within 4 s')
  expect(performance.now() - before).toBeLessThan(8000)
})

test('names everything it tried and every way out', async () => {
  const env = environment(program('old', '0.13.2'))
  const failure = await resolveTemporal({ env, downloadOrigin: closed }).catch((error: Error) => error.message)
  for (const part of ['too old (0.13.2', 'download: ', 'pip: no Python', 'TEMPORAL_ADDRESS', 'brew install temporal']) {
    expect(failure).toContain(part)
  }
})
