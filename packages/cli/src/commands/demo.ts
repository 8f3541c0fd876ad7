import { existsSync } from 'node:fs'
import { listenForStop } from '@roman/local-stack'
import { type RuntimeEnv, readRomanConfig } from '@roman/runtime'
import type { Rollback } from '@roman/sdk'
import { Command } from 'commander'
import { type Cli, print } from '../cli.ts'
import { SHORTENED } from '../demo/config.ts'
import { epilogue } from '../demo/epilogue.ts'
import { resultOf } from '../demo/result.ts'
import type { OwnDiscord, Stage } from '../demo/stage.ts'
import { createStory } from '../demo/story.ts'
import { Unsuccessful } from '../errors.ts'
import { runTasks } from '../screen/tasks.ts'
import { whereToLook } from '../screen/where-to-look.ts'

interface Options {
  json?: boolean
  keep?: boolean
}

export const demo = (cli: Cli): Command =>
  new Command('demo')
    .description('a bad deployment is rolled back on real parts, with nobody touching anything')
    .option('--keep', 'leave everything up afterwards, until Ctrl-C')
    .option('--json', 'end with the result as one line of JSON; progress goes to stderr')
    .addHelpText(
      'after',
      '\nIt has data and ports of its own, and leaves nothing behind. Exit code 0: the rollback was verified.',
    )
    .action((options: Options) => run(cli, options))

async function run(cli: Cli, { json = false, keep = false }: Options): Promise<void> {
  const env = cli.env()
  const stop = listenForStop()
  const screen = json ? cli.err : cli.out
  const story = createStory(cli, env, ownDiscord(env), stop.signal)
  let failure: Error | null = null
  print(screen, introduction(cli))
  try {
    await runTasks({ interactive: cli.interactive && !json }, screen, story.tasks)
  } catch (error) {
    failure = error as Error
  }
  const [stage, rollback, counts] = [story.stage(), story.rollback(), story.counts()]
  const stopped = stop.signal.aborted
  const result = resultOf(rollback, counts, failure?.message ?? null)
  let told = !json
  const tellResult = () => {
    if (!told) print(cli.out, JSON.stringify(result))
    told = true
  }
  try {
    if (rollback && counts) print(screen, `\n${epilogue(cli, rollback, counts, stage!.discord)}`)
    else if (stage && !stopped) print(screen, ['\nThe last words of the stack:', ...stage.lastWords()].join('\n  '))
    if (stage && keep && !stopped) {
      print(
        screen,
        `\n${whereToLook(cli, stage.stack, 'Everything is up. Ctrl-C ends it and removes it.', more(stage, rollback))}`,
      )
      tellResult()
      await stop.requested
    }
  } finally {
    await stage?.close()
    stop.dispose()
  }
  print(
    screen,
    `\nEverything is stopped and removed.${keep || stopped ? '' : ' To look around in it: roman demo --keep'}`,
  )
  tellResult()
  if (!result.ok) throw new Unsuccessful()
}

function more({ stack, proxyUrl, logFile }: Stage, rollback: Rollback | null): [string, string][] {
  const workflow = encodeURIComponent(rollback?.workflow_id ?? '')
  return [
    ...(rollback
      ? [['The rollback', `${stack.temporalUiUrl}/namespaces/default/workflows/${workflow}`] as [string, string]]
      : []),
    ['The shop', proxyUrl],
    ['Log', logFile],
  ]
}

function introduction({ colors }: Cli): string {
  const { window_seconds, verify_seconds } = SHORTENED
  return [
    colors.bold('R.O.M.A.N. rolls a bad deployment back by itself.'),
    `Only the times are shortened here: a version is watched for ${window_seconds} seconds (300 by default) and verified for`,
    `${verify_seconds} (60 by default). The thresholds are the defaults: more than 5 errors a minute roll back.`,
    '',
  ].join('\n')
}

/** People's own Discord is told only where they say which channel. */
function ownDiscord({ discord: { token, api_url: apiUrl }, config_file }: RuntimeEnv): OwnDiscord | null {
  if (token === undefined || !existsSync(config_file)) return null
  const { discord: config } = readRomanConfig(config_file)
  return config === undefined ? null : { token, apiUrl, config }
}
