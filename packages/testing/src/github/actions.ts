import { spawn } from 'node:child_process'
import type { Conclusion, Run, WorkflowFile } from './model.ts'

const KILL_AFTER_MS = 2000

/** GitHub's side of the runs: queue, concurrency groups, steps, real commands, cancels. */
export class Actions {
  readonly runs: Run[] = []
  private nextId = 16_700_000_001

  start(workflow: string, file: WorkflowFile, ref: string, inputs: Record<string, string>): Run {
    const concurrency = file.concurrency?.(inputs)
    const script = file.script ?? {}
    const run: Run = {
      id: this.nextId++,
      workflow,
      ref,
      inputs,
      displayTitle: file.runName?.(inputs) ?? workflow,
      status: 'queued',
      conclusion: null,
      createdAt: new Date(),
      updatedAt: new Date(),
      group: concurrency?.group ?? null,
      steps: (script.steps ?? [{ name: 'Run' }]).map(({ name }, index) => ({
        name,
        number: index + 1,
        status: 'queued',
        conclusion: null,
      })),
      script,
      cancelRequested: false,
      child: null,
      timers: [],
    }
    // In a group one run goes on and one waits: a newer one takes the waiting one's place, whoever that was.
    const rivals = this.runs.filter((other) => run.group !== null && other.group === run.group && isOpen(other))
    for (const other of rivals) {
      if (other.status === 'pending' || concurrency?.cancelInProgress) this.cancel(other, { force: false })
    }
    this.runs.push(run)
    if (rivals.some(isOpen)) this.touch(run, 'pending')
    else this.later(run, script.queuedMs ?? 5, () => this.begin(run))
    return run
  }

  /** False where the run is completed already. */
  cancel(run: Run, { force }: { force: boolean }): boolean {
    if (!isOpen(run)) return false
    run.cancelRequested = true
    if (run.script.ignoresCancel && !force) return true
    if (run.child !== null) {
      const { child } = run
      signal(child.pid, force ? 'SIGKILL' : 'SIGTERM')
      this.later(run, KILL_AFTER_MS, () => signal(child.pid, 'SIGKILL'))
    } else {
      this.complete(run, 'cancelled')
    }
    return true
  }

  /** Ends everything, real commands included. */
  async close(): Promise<void> {
    const children = this.runs.flatMap(({ child }) => (child === null || child.exitCode !== null ? [] : [child]))
    for (const run of this.runs) for (const timer of run.timers) clearTimeout(timer)
    await Promise.all(
      children.map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.signalCode !== null) return resolve()
            child.once('exit', () => resolve())
            signal(child.pid, 'SIGKILL')
          }),
      ),
    )
  }

  private begin(run: Run): void {
    if (!isOpen(run)) return
    this.touch(run, 'in_progress')
    if (run.script.command) this.runCommand(run)
    else this.step(run, 0)
  }

  private step(run: Run, index: number): void {
    const step = run.steps[index]
    if (!isOpen(run)) return
    if (step === undefined) {
      this.complete(run, run.script.conclusion ?? 'success')
      return
    }
    const plan = run.script.steps?.[index]
    step.status = 'in_progress'
    this.touch(run, 'in_progress')
    this.later(run, plan?.ms ?? 5, () => {
      step.status = 'completed'
      step.conclusion = plan?.conclusion ?? 'success'
      if (plan?.conclusion) this.complete(run, plan.conclusion)
      else this.step(run, index + 1)
    })
  }

  private runCommand(run: Run): void {
    const { argv, cwd, env } = run.script.command!(run.inputs)
    const step = run.steps[0]!
    step.status = 'in_progress'
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd,
      env: { PATH: process.env.PATH, ...env },
      stdio: 'ignore',
      detached: true,
    })
    run.child = child
    const end = (succeeded: boolean) => {
      step.status = 'completed'
      step.conclusion = succeeded ? 'success' : run.cancelRequested ? 'cancelled' : 'failure'
      this.complete(run, step.conclusion)
    }
    child.once('error', () => end(false))
    child.once('exit', (code) => end(code === 0))
  }

  private complete(run: Run, conclusion: Conclusion): void {
    if (!isOpen(run)) return
    for (const timer of run.timers) clearTimeout(timer)
    run.conclusion = conclusion
    this.touch(run, 'completed')
    const next = this.runs.find(
      (other) => run.group !== null && other.group === run.group && other.status === 'pending',
    )
    if (next !== undefined && !this.runs.some((other) => other.group === run.group && isRunning(other))) {
      this.touch(next, 'queued')
      this.later(next, next.script.queuedMs ?? 5, () => this.begin(next))
    }
  }

  private touch(run: Run, status: Run['status']): void {
    run.status = status
    run.updatedAt = new Date()
  }

  private later(run: Run, ms: number, then: () => void): void {
    run.timers.push(setTimeout(then, ms))
  }
}

const isOpen = (run: Run): boolean => run.status !== 'completed'
const isRunning = (run: Run): boolean => run.status === 'queued' || run.status === 'in_progress'

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch {
    // It ended by itself.
  }
}
