import { accessSync, constants, mkdirSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { assertOnlyOursToWrite } from './only-ours.ts'
import type { Environment } from './supervise-process.ts'

/**
 * Where downloads are kept for this user: `$XDG_CACHE_HOME/roman-rollback`, else `~/.cache/roman-rollback`, else, where
 * neither can be written, a directory under the system's temporary one that only this user can write.
 */
export function cacheDirectory(env: Environment): string {
  const { XDG_CACHE_HOME: xdg } = env
  const base = xdg && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), '.cache')
  const wanted = join(base, 'roman-rollback')
  try {
    mkdirSync(wanted, { recursive: true })
    accessSync(wanted, constants.W_OK | constants.X_OK)
    return wanted
  } catch {
    const fallback = join(tmpdir(), `roman-rollback-${userInfo().username}`)
    mkdirSync(fallback, { recursive: true, mode: 0o700 })
    assertOnlyOursToWrite(fallback)
    return fallback
  }
}
