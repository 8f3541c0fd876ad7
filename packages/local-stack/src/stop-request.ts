import { processFacts } from './process-table.ts'

export type StopReason = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'launcher ended'

export interface StopRequest {
  /** Aborted, with the reason's text in an Error, when we are to stop. */
  signal: AbortSignal
  requested: Promise<StopReason>
  /** Takes the listeners away. */
  dispose(): void
}

/** Programs that start us on a person's behalf and stand between us and the signals sent to them. */
const launcher =
  /(^|[/\s])(npm|npx|pnpm|pnpx|yarn|corepack|tsx|npm-cli\.js|npx-cli\.js)([\s./-]|$)|[/\\](pnpm|tsx)[/\\@]/

const LOOK_EVERY_MS = 500
/** One Ctrl-C may reach us twice: from the terminal, and passed on by a launcher. */
const SAME_WISH_MS = 1500

/**
 * Listens for what means "stop": SIGTERM, Ctrl-C, a closed terminal, or the death of the package manager that started
 * us, which npx and pnpm don't pass on. A later, impatient signal ends us at once; the reaper then ends what we started.
 */
export function listenForStop(): StopRequest {
  const controller = new AbortController()
  let resolveRequested: (reason: StopReason) => void
  const requested = new Promise<StopReason>((resolve) => {
    resolveRequested = resolve
  })
  const ask = (reason: StopReason) => {
    controller.abort(new Error(`Stopped (${reason}).`))
    resolveRequested(reason)
  }

  let askedAt = 0
  const onSignal = (reason: NodeJS.Signals) => {
    if (!controller.signal.aborted) askedAt = performance.now()
    else if (performance.now() - askedAt > SAME_WISH_MS) process.exit(130)
    ask(reason as StopReason)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)

  const chain = launchers(process.pid)
  const look = setInterval(() => {
    // An orphan is given another parent at once, so a broken link tells that the launcher above it is gone.
    if (chain.every(({ pid, parentPid }) => processFacts(pid)?.parentPid === parentPid)) return
    clearInterval(look)
    if (!controller.signal.aborted) ask('launcher ended')
  }, LOOK_EVERY_MS)
  look.unref()

  return {
    signal: controller.signal,
    requested,
    dispose() {
      clearInterval(look)
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}

interface Link {
  pid: number
  parentPid: number
}

/**
 * The links from `pid` up to its topmost launcher; none where no launcher is found. What started the launcher (a shell,
 * a terminal) is not watched: `nohup pnpm dev &` may outlive it.
 */
function launchers(pid: number): Link[] {
  const links: Link[] = []
  let watched = 0
  for (let current = pid; current > 1 && links.length < 32; ) {
    const facts = processFacts(current)
    if (!facts || facts.parentPid <= 1) break
    links.push({ pid: current, parentPid: facts.parentPid })
    if (launcher.test(processFacts(facts.parentPid)?.command ?? '')) watched = links.length
    current = facts.parentPid
  }
  return links.slice(0, watched)
}
