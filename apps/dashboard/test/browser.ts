import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const candidates = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'].filter(
  (path) => path !== undefined,
)
const executablePath = candidates.find((path) => existsSync(path))

/** Why the browser's tests cannot run here; null where they can. In CI that is a failure, so nothing is skipped there. */
export const noBrowser: string | null =
  executablePath !== undefined || process.env.CI
    ? null
    : `no browser: none of ${candidates.join(', ')} exists; install chromium or set CHROMIUM_PATH`

export function launch(): Promise<Browser> {
  if (executablePath === undefined) throw new Error(`No browser at ${candidates.join(' or ')}. Install chromium.`)
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })
}
