import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { freePort, superviseProcess, waitFor } from '@roman/local-stack'
import type { Servers } from './servers.ts'

export interface ApiProcess {
  url: string
  key: string
  /** SIGKILL; it is started again by itself. */
  kill(): void
  stop(): Promise<void>
}

const MAIN = fileURLToPath(new URL('../apps/api/src/main.ts', import.meta.url))

/** The API as it is run for real: a process of its own, started again whenever it dies. Resolves when it answers. */
export const startApi = async (
  servers: Servers,
  databaseUrl: string,
  serviceNames: readonly string[],
): Promise<ApiProcess> => {
  const directory = join(servers.directory, randomBytes(4).toString('hex'))
  await mkdir(directory)
  const config = join(directory, 'roman.yaml')
  const environments = { production: { deployer: { type: 'command', argv: ['true'] } } }
  const services = Object.fromEntries(serviceNames.map((name) => [name, { environments }]))
  await writeFile(config, JSON.stringify({ services }))
  const [port, key] = [await freePort(), randomBytes(24).toString('base64url')]
  const child = superviseProcess({
    name: 'api',
    argv: [process.execPath, '--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href, MAIN],
    env: {
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: servers.temporalAddress,
      ROMAN_CONFIG: config,
      ROMAN_STATE_DIR: directory,
      ROMAN_KEY: key,
      ROMAN_API_PORT: String(port),
      LOG_LEVEL: 'error',
    },
    log: () => {},
  })
  const url = `http://127.0.0.1:${port}`
  const answers = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    )
  try {
    await waitFor(answers, { timeoutMs: 60_000, describe: 'the API to answer', intervalMs: 100 })
  } catch (error) {
    await child.stop()
    throw new Error(`${(error as Error).message} It said: ${child.lastLines().join('\n')}`, { cause: error })
  }
  return {
    url,
    key,
    kill: () => {
      if (child.pid !== null) process.kill(child.pid, 'SIGKILL')
    },
    stop: () => child.stop(),
  }
}
