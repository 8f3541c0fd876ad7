import { lstatSync } from 'node:fs'

/**
 * Programs are run from `directory`, whose name others can guess: nobody else may have put it there.
 * @throws Error when it belongs to somebody else, or others may write it.
 */
export function assertOnlyOursToWrite(directory: string): void {
  const facts = lstatSync(directory)
  if (facts.isDirectory() && facts.uid === process.getuid?.() && (facts.mode & 0o022) === 0) return
  throw new Error(`${directory} is not a directory that only this user can write. Remove it, or set XDG_CACHE_HOME.`)
}
