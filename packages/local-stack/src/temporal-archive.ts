import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { execa } from 'execa'
import { temporalVersion } from './temporal-version.ts'

export interface ArchiveOptions {
  /** Where Temporal publishes its CLI. */
  origin: string
  path: string
  log: (line: string) => void
}

/** A closed network should cost a moment: the answer must begin within this. */
const ANSWER_WITHIN_MS = 4000
const STALLED_AFTER_MS = 10_000
/** A slow line that still moves is let go on for this long. */
const DOWNLOAD_WITHIN_MS = 180_000

/**
 * Downloads Temporal's own archive of its CLI into `directory` and unpacks it with the system's `tar`.
 * @returns the path of the program.
 * @throws Error when the archive can't be had within the bounds.
 */
export async function downloadTemporal(directory: string, { origin, path, log }: ArchiveOptions): Promise<string> {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  const url = `${origin}/cli/archive/v${temporalVersion}?platform=${process.platform}&arch=${arch}`
  const stop = new AbortController()
  const bound = (ms: number, what: string) =>
    setTimeout(() => stop.abort(new Error(`${what} within ${ms / 1000} s`)), ms)

  const answer = bound(ANSWER_WITHIN_MS, 'no answer')
  const whole = bound(DOWNLOAD_WITHIN_MS, 'not whole')
  const stalled = bound(STALLED_AFTER_MS, 'nothing new')
  try {
    const response = await fetch(url, { signal: stop.signal }).catch((error: Error) => {
      // "fetch failed" says nothing; what failed is in its cause.
      throw error.cause instanceof Error ? error.cause : error
    })
    clearTimeout(answer)
    if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`)

    const total = Number(response.headers.get('content-length')) || null
    const archive = join(directory, 'temporal.tar.gz')
    log(
      `Downloading Temporal ${temporalVersion}${total ? ` (${megabytes(total)} MB)` : ''} from ${new URL(url).host} …`,
    )
    let received = 0
    let reported = Date.now()
    const progress = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        stalled.refresh()
        received += chunk.length
        if (Date.now() - reported > 2000) {
          reported = Date.now()
          log(`Downloading Temporal: ${megabytes(received)}${total ? ` of ${megabytes(total)}` : ''} MB`)
        }
        done(null, chunk)
      },
    })
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
    await pipeline(body, progress, createWriteStream(archive), { signal: stop.signal })
    await execa('tar', ['-xzf', archive, '-C', directory, 'temporal'], { env: { PATH: path }, extendEnv: false })
    return join(directory, 'temporal')
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error
  } finally {
    for (const timer of [answer, whole, stalled]) clearTimeout(timer)
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0)
}
