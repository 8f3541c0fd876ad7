import { hasEnded, type Rollback } from '@roman/sdk'
import type { Cli } from '../cli.ts'
import { lawLines } from './rollback-view.ts'
import type { Task, TaskHandle } from './tasks.ts'

/** The steps that a rollback writes down, as a person would call them. */
const STEPS = [
  ['validate_rollback', 'Gather evidence and ask the constitution'],
  ['claim_live', 'Claim the environment'],
  ['deploy_previous_version', 'Put the last known-good version back'],
  ['verify_health', 'Verify its health'],
] as const

/** A rollback's progress as tasks. Feed it what is seen of the rollback; each task ends when its step did. */
export function rollbackTasks(cli: Pick<Cli, 'colors'>) {
  let seen: Rollback | null = null
  let note = ''
  let failure: unknown
  let listeners: (() => void)[] = []
  const changed = () => {
    const wake = listeners
    listeners = []
    for (const listener of wake) listener()
  }

  async function until(name: string, task: TaskHandle): Promise<void> {
    let said = ''
    const say = (text: string) => {
      if (text !== said && text !== '') task.output = text
      said = text
    }
    for (;;) {
      if (failure !== undefined) throw failure
      if (seen) {
        const step = seen.steps.findLast((one) => one.step === name)
        if (step?.status === 'completed') {
          say(
            name === 'validate_rollback'
              ? lawLines(cli, seen.validation)
                  .map((line) => line.trimStart())
                  .join('\n')
              : (step.detail ?? ''),
          )
          return
        }
        if (hasEnded(seen) && seen.status !== 'success') throw new Error(`the rollback ended as ${seen.status}`)
        say(name === 'verify_health' ? note : progressOf(seen, name))
      }
      await new Promise<void>((resolve) => listeners.push(resolve))
    }
  }

  return {
    tasks: STEPS.map(([name, title]): Task => ({ title, task: (_, task) => until(name, task) })),
    show(rollback: Rollback) {
      seen = rollback
      changed()
    },
    /** Said while health is being verified. */
    note(text: string) {
      note = text
      changed()
    },
    /** It can no longer be seen what becomes of it. */
    fail(error: unknown) {
      failure = error
      changed()
    },
  }
}

function progressOf({ progress, phase }: Rollback, name: string): string {
  return name === 'deploy_previous_version' && phase === 'deploying' ? (progress?.text ?? '') : ''
}
