import { randomUUID } from 'node:crypto'
import { execa } from 'execa'
import { forgetReaping, reapIfWeDie } from './reaper.ts'

/** Environment variables as a plain object; a child sees these and nothing else. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface ProcessSpec {
  name: string
  /** Program and arguments; no shell reads them. */
  argv: readonly [string, ...string[]]
  cwd?: string
  env: Environment
  /** Only root can start a process as somebody else. */
  runAs?: { uid: number; gid: number } | undefined
  stopSignal?: NodeJS.Signals
  /** After this long, what remains of the process and its group is killed. */
  stopTimeoutMs?: number
  log: (line: string) => void
  /** Told the new pid after every start but the first. */
  onRestart?: ((pid: number) => void) | undefined
}

export interface SupervisedProcess {
  readonly name: string
  /** The process itself, not a shell or loader around it; null between its death and its next start. */
  readonly pid: number | null
  readonly restarts: number
  /** The end of what it printed, for error messages. */
  lastLines(): string[]
  /** Resolves when the process and its group are gone. */
  stop(): Promise<void>
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** One that lived this long had started well: its next death counts as the first. */
const STABLE_AFTER_MS = 10_000

/**
 * Starts a process and starts it again whenever it dies, with growing pauses, until `stop()`.
 *
 * Written here because nothing at hand fits: `concurrently` restarts, but stops all at once in no order and hides the
 * pids behind a shell; pm2 is a daemon of its own, which outlives us; execa starts and watches one process, so it is used for that.
 */
export function superviseProcess(spec: ProcessSpec): SupervisedProcess {
  const { name, log, stopSignal = 'SIGTERM', stopTimeoutMs = 10_000 } = spec
  const reaperId = `${name}:${randomUUID()}`
  const tail: string[] = []
  let pid: number | null = null
  let restarts = 0
  let pauseMs = FIRST_PAUSE_MS
  let pause: NodeJS.Timeout | undefined
  let stopping: Promise<void> | undefined
  let ended: Promise<void> = Promise.resolve()

  function note(line: string): void {
    tail.push(line)
    if (tail.length > 20) tail.shift()
    log(line)
  }

  function start(): void {
    const [file, ...args] = spec.argv
    const child = execa(file, args, {
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      env: spec.env as Record<string, string>,
      extendEnv: false,
      ...(spec.runAs ?? {}),
      // A group of its own: Ctrl-C reaches us alone, and we stop the others in order.
      detached: true,
      cleanup: false,
      stdin: 'ignore',
      all: true,
      buffer: false,
      reject: false,
    })
    const startedPid = child.pid ?? null
    const startedAt = performance.now()
    pid = startedPid
    if (startedPid !== null) reapIfWeDie(reaperId, startedPid, stopSignal)
    readLines(child.all, note)
    ended = new Promise((resolve) => {
      // Not execa's promise: that also waits for whoever inherited the output, however long they live.
      child.once('exit', (code, signal) => resolve(onEnd(startedPid, startedAt, signal ?? `exit code ${code}`)))
      child.once('error', (error) => {
        if (startedPid === null) resolve(onEnd(null, startedAt, error.message))
      })
    })
  }

  function onEnd(endedPid: number | null, startedAt: number, how: string): void {
    pid = null
    // What it left in its group would go on beside its successor.
    if (endedPid !== null) signalQuietly(-endedPid, 'SIGKILL')
    if (stopping) return
    if (performance.now() - startedAt >= STABLE_AFTER_MS) pauseMs = FIRST_PAUSE_MS
    note(`${name} ended (${how}); starting it again in ${pauseMs} ms.`)
    pause = setTimeout(() => {
      restarts += 1
      start()
      if (pid !== null) spec.onRestart?.(pid)
    }, pauseMs)
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }

  async function stop(): Promise<void> {
    clearTimeout(pause)
    const running = pid
    if (running !== null) {
      signalQuietly(running, stopSignal)
      const bound = setTimeout(() => {
        note(`${name} did not stop within ${stopTimeoutMs / 1000} s and is killed.`)
        signalQuietly(-running, 'SIGKILL')
        signalQuietly(running, 'SIGKILL')
      }, stopTimeoutMs)
      await ended
      clearTimeout(bound)
    }
    forgetReaping(reaperId)
  }

  start()
  return {
    name,
    get pid() {
      return pid
    },
    get restarts() {
      return restarts
    },
    lastLines: () => [...tail],
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

function readLines(stream: NodeJS.ReadableStream | undefined, onLine: (line: string) => void): void {
  let rest = ''
  stream?.setEncoding('utf8')
  stream?.on('error', () => {})
  stream?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split(/\r?\n/)
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') onLine(line)
  })
  stream?.on('end', () => {
    if (rest !== '') onLine(rest)
  })
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone already.
  }
}
