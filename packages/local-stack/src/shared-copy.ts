import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assertOnlyOursToWrite } from './only-ours.ts'

/**
 * Root's copy of a directory of programs where every user can read it, made once and kept.
 * @param name tells versions apart.
 * @param landmark a file that is there when the copy is whole.
 * @throws Error when there is no place for it.
 */
export function copyToSharedCache(source: string, name: string, landmark: string): string {
  const copy = join(sharedCache(), name)
  const isThere = () => statSync(join(copy, landmark), { throwIfNoEntry: false }) !== undefined
  if (isThere()) return copy
  const attempt = mkdtempSync(`${copy}-`)
  try {
    cpSync(source, attempt, { recursive: true, verbatimSymlinks: true })
    letOthersRead(attempt)
    // In place in one step: of two who copy at once one wins, and neither sees half a copy.
    renameSync(attempt, copy)
  } catch (error) {
    rmSync(attempt, { recursive: true, force: true })
    if (!isThere()) throw error
  }
  return copy
}

/** Under a strict umask the originals, and so their copies, are closed to others. */
function letOthersRead(directory: string): void {
  chmodSync(directory, 0o755)
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) continue
    chmodSync(path, entry.isDirectory() || statSync(path).mode & 0o100 ? 0o755 : 0o644)
  }
}

function sharedCache(): string {
  const bases = ['/var/cache', tmpdir()]
  for (const base of bases) {
    const directory = join(base, 'roman-rollback')
    try {
      mkdirSync(directory, { recursive: true })
      accessSync(directory, constants.W_OK)
    } catch {
      continue
    }
    assertOnlyOursToWrite(directory)
    chmodSync(directory, 0o755)
    return directory
  }
  throw new Error(`Neither ${bases.join(' nor ')} can be written, where a copy of PostgreSQL's programs is needed.`)
}
