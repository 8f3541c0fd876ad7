import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { UsageError } from './errors.ts'

/** More than anybody brings with one deployment; older ones were recorded long ago. */
const MIGRATIONS_MAX = 500

export interface FolderMigration {
  name: string
  /** As Prisma's checksum. */
  hash: string
  rollback_script?: string
}

/** What a request says of a whole Prisma migrations folder: `<name>/migration.sql`, and `<name>/down.sql` that undoes it. */
export function migrationsIn(
  folder: string | undefined,
  cwd: string,
): { migrations?: FolderMigration[]; migrations_tool?: 'prisma' } {
  if (folder === undefined) return {}
  const root = path.resolve(cwd, folder)
  const migrations = namesIn(root).flatMap((name): FolderMigration[] => {
    const sql = read(path.join(root, name, 'migration.sql'))
    if (sql === undefined) return []
    const script = read(path.join(root, name, 'down.sql'))
    const hash = createHash('sha256').update(sql).digest('hex')
    return [{ name, hash, ...(script !== undefined && { rollback_script: script.toString('utf8') }) }]
  })
  if (migrations.length === 0) {
    throw new UsageError(
      `${folder} holds no migration: there is no <name>/migration.sql in it. Name Prisma's folder, as prisma/migrations.`,
    )
  }
  return { migrations: migrations.slice(-MIGRATIONS_MAX), migrations_tool: 'prisma' }
}

function namesIn(root: string): string[] {
  try {
    const entries = readdirSync(root, { withFileTypes: true })
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort()
  } catch (cause) {
    throw new UsageError(
      `${root} cannot be read: ${(cause as Error).message}. Name Prisma's folder, as prisma/migrations.`,
    )
  }
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
