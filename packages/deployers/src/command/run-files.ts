import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { claimDurably, writeDurably } from '../host/files.mjs'
import type { ProcessIdentity } from '../host/processes.mjs'

/** Written by the wrapper before it executes anything. Its process leads the group of the whole run. */
export interface RunClaim extends ProcessIdentity {
  claimed_at: string
  timeout_ms: number
  grace_ms: number
}

export interface RunExit {
  /** `spawn`: the command could not be started; `error` says why. */
  cause: 'exit' | 'timeout' | 'abort' | 'spawn'
  code: number | null
  signal: string | null
  error: string | null
  ended_at: string
}

const TAIL_BYTES = 4000

/** The files of one run, as wrapper.mjs writes them. They are the only thing that callers and wrapper share. */
export class RunFiles {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  claim(): RunClaim | null {
    return readJson<RunClaim>(join(this.directory, 'claim.json'))
  }

  exit(): RunExit | null {
    return readJson<RunExit>(join(this.directory, 'exit.json'))
  }

  /** For a run whose wrapper can no longer say how it ended. The first word stands. */
  recordExit(exit: Omit<RunExit, 'ended_at'>): RunExit {
    claimDurably(join(this.directory, 'exit.json'), { ...exit, ended_at: new Date().toISOString() })
    return this.exit() as RunExit
  }

  requestAbort(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 })
    writeDurably(join(this.directory, 'abort.json'), { requested_at: new Date().toISOString() })
  }

  /**
   * The end of what the command has written, at whole lines, or the end of the last one where that is longer than what
   * is kept; null where it wrote nothing.
   */
  outputTail(): string | null {
    const path = join(this.directory, 'output.log')
    if (!existsSync(path)) return null
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      const start = Math.max(0, size - TAIL_BYTES)
      const bytes = Buffer.alloc(size - start)
      const text = bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, start))
      const whole = start === 0 ? text : text.slice(text.indexOf('\n') + 1)
      const tail = (whole.trim() === '' ? text : whole).trimEnd()
      return tail === '' ? null : tail
    } finally {
      closeSync(file)
    }
  }
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
