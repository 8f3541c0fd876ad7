import { Listr, ListrLogger, type ListrTask, PRESET_TIMER, ProcessOutput } from 'listr2'
import type { Cli } from '../cli.ts'

export type Task = ListrTask<object, never, never>
export type TaskHandle = Parameters<Task['task']>[1]

/** Runs tasks one after the other: redrawn in place for a person who watches, line by line for everybody else. */
export async function runTasks(
  cli: Pick<Cli, 'interactive'>,
  stream: NodeJS.WritableStream,
  tasks: Task[],
): Promise<void> {
  const output = stream as NodeJS.WriteStream
  const logger = new ListrLogger({ useIcons: true, processOutput: new ProcessOutput(output, output) })
  await new Listr<object, 'default' | 'simple', 'simple'>(
    tasks.map((task) => ({ ...task, rendererOptions: { persistentOutput: true } })) as never,
    {
      renderer: cli.interactive ? 'default' : 'simple',
      // Ctrl-C is ours: what was started must be ended first.
      registerSignalListeners: false,
      rendererOptions: { logger, timer: PRESET_TIMER, collapseErrors: false } as never,
    },
  ).run({})
}
