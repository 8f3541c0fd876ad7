import type { TrafficCounts } from '@roman/example-storefront/traffic'
import type { Rollback } from '@roman/sdk'
import type { DiscordStandIn } from '@roman/testing/discord'
import type { Cli } from '../cli.ts'
import { lawLines, timeline } from '../screen/rollback-view.ts'
import { duration } from '../screen/words.ts'
import { BAD } from './story.ts'

/** What a person wants to know when it is over. */
export function epilogue(cli: Cli, rollback: Rollback, counts: TrafficCounts, discord: DiscordStandIn | null): string {
  const { colors } = cli
  return [
    colors.bold('Why'),
    `  ${rollback.trigger_reason}`,
    '',
    colors.bold('What the laws said'),
    ...lawLines(cli, rollback.validation),
    '',
    timeline(cli, rollback),
    '',
    ...(discord === null ? [] : [conversation(cli, discord), '']),
    verdict(cli, rollback, counts),
  ].join('\n')
}

function verdict(
  { colors }: Cli,
  { status, segments, target_deployment, detail }: Rollback,
  counts: TrafficCounts,
): string {
  if (status !== 'success') return colors.red(`✖ The rollback ended as ${status}: ${detail ?? ''}`)
  const live =
    segments.detected_to_live_ms === null ? '' : ` ${duration(segments.detected_to_live_ms)} after the breach was seen`
  return [
    colors.green(
      `✔ ${BAD.version} was rolled back to ${target_deployment?.version}, live${live}, and verified healthy.`,
    ),
    `  ${counts.total} requests: ${counts.failed} failed by ${BAD.version} itself, ${counts.lost} lost to the switches.`,
  ].join('\n')
}

/** Each message as it stands at the end; a rollback is one message that changed as it went. */
function conversation({ colors }: Cli, discord: DiscordStandIn): string {
  const messages = discord.messages().map(({ author, content, history }) => {
    const edits = history.length > 1 ? colors.dim(` (edited ${history.length - 1} times)`) : ''
    const text = content.split('\n').map((line) => `  │ ${line}`)
    return [`  ${colors.cyan(author.name)}${edits}`, ...text].join('\n')
  })
  const title = colors.bold('What people read in Discord (a stand-in here; set DISCORD_TOKEN for yours)')
  return [title, ...messages].join('\n')
}
