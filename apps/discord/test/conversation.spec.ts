import { RomanError } from '@roman/contracts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startAll } from './app.ts'
import { BAD, deployment, stations, waitingDecision } from './roman-double.ts'

const COMMAND = '@R.O.M.A.N. /approve rollback deployment_id=abc-123 reason="Critical bug in payment flow"'

let all: Awaited<ReturnType<typeof startAll>>
beforeEach(async () => {
  all = await startAll()
  await all.app.listening
})
afterEach(() => all.close())

const replyTo = (messageId: string, fits: (content: string) => boolean = () => true) =>
  all.discord.waitForMessage((message) => message.reply_to === messageId && fits(message.content))
const calls = () => all.roman.asked.map(({ call }) => call)
const started = () => vi.waitFor(() => expect(all.roman.eventIds).toHaveLength(1))

describe('/approve rollback', () => {
  it('starts a rollback where nothing waits, and one message tells it from validation to health', async () => {
    const { discord, roman, members } = all
    const asked = discord.say(members.approver, COMMAND)
    await started()
    const { deploying, live, verified } = stations(roman.newest())
    await replyTo(asked, (content) => content.includes('is validating the rollback'))
    roman.set(deploying)
    const shown = await replyTo(asked, (content) => content.includes('50% deploying: starting v2.5.2'))
    expect(shown.content).toContain(
      [
        '✅ Rollback approved by R.O.M.A.N.',
        '',
        'Deployment: abc-123',
        'Reason: Critical bug in payment flow',
        'Target: v2.5.2 (commit: a7f3b29)',
        'Constitutional Validation: PASSED',
        '',
        'Executing rollback...',
        '[██████████░░░░░░░░░░] 50%',
      ].join('\n'),
    )
    roman.set(live)
    await replyTo(asked, (content) => content.includes('✅ Rollback complete (4.2 seconds)'))
    roman.set(verified)
    await replyTo(asked, (content) => content.includes('✅ Health verified (61.3 seconds after it went live)'))
    expect(calls()).toEqual(['approve', 'rollback'])
    expect(roman.asked[1]).toMatchObject({
      ref: BAD,
      key: `discord:${asked}:rollback`,
      body: {
        trigger_reason: 'Critical bug in payment flow',
        discord: { id: members.approver, name: 'Ada' },
      },
    })
    expect(discord.messages().filter(({ author }) => author.bot)).toHaveLength(1)
  })

  it('approves what waits for the deployment instead of starting another', async () => {
    const { discord, roman, members } = all
    roman.deployments.set(BAD, deployment({ guard: waitingDecision() }))
    const asked = discord.say(members.approver, COMMAND)
    await started()
    roman.set(stations(roman.newest()).verified)
    await replyTo(asked, (content) => content.includes('Health verified'))
    expect(calls()).toEqual(['approve'])
  })

  it('does not take a question about verifying for one about rolling back', async () => {
    const { discord, roman, members } = all
    roman.deployments.set(BAD, deployment({ guard: waitingDecision({ kind: 'verify' }) }))
    discord.say(members.approver, COMMAND)
    await started()
    expect(calls()).toEqual(['rollback'])
    roman.set(stations(roman.newest()).verified)
  })

  it('starts one rollback when the gateway delivers the mention twice', async () => {
    const { discord, roman, members } = all
    const asked = discord.say(members.approver, COMMAND)
    discord.redeliver(asked)
    await started()
    roman.set(stations(roman.newest()).verified)
    await replyTo(asked, (content) => content.includes('Health verified'))
    expect(roman.eventIds).toHaveLength(1)
  })

  it('starts one rollback, in one reply, when the mention comes again after a restart', async () => {
    const { discord, roman, members } = all
    const asked = discord.say(members.approver, COMMAND)
    await replyTo(asked)
    await started()
    await all.restart()
    await replyTo(asked, (content) => content.includes('Discord app restarts'))
    discord.redeliver(asked)
    await vi.waitFor(() => expect(calls().filter((call) => call === 'rollback')).toHaveLength(2))
    roman.set(stations(roman.newest()).verified)
    await replyTo(asked, (content) => content.includes('Health verified'))
    expect(roman.eventIds).toHaveLength(1)
    expect(discord.messages().filter(({ author }) => author.bot)).toHaveLength(1)
  })

  it('does nothing for a member without the role, and says which role it takes', async () => {
    const { discord, roman, members } = all
    const asked = discord.say(members.nobody, COMMAND)
    const { content } = await replyTo(asked)
    expect(content).toBe(
      `⛔ You may not approve or reject rollbacks: that takes the role <@&${discord.roles.approver}>. Nothing was done.`,
    )
    expect(roman.asked).toEqual([])
  })

  it('says why the API refused, in its words', async () => {
    const { discord, roman, members } = all
    roman.failures = [new RomanError('deployment_not_live', 'Deployment v2.5.3 is not live: v2.5.4 is. Name that one.')]
    const { content } = await replyTo(discord.say(members.approver, COMMAND), (text) => text.includes('❌'))
    expect(content).toContain('❌ Deployment v2.5.3 is not live: v2.5.4 is. Name that one.')
  })

  it('goes on through a silence of the API while it follows', async () => {
    const { discord, roman, members } = all
    const asked = discord.say(members.approver, COMMAND)
    await started()
    roman.failures = [new Error('socket hang up'), new Error('socket hang up')]
    roman.set(stations(roman.newest()).verified)
    await replyTo(asked, (content) => content.includes('Health verified'))
  })

  it('is requested though Discord takes no message, and told when it does again', async () => {
    const { discord, roman, members } = all
    discord.outage.rest({ status: 500, matching: '/messages' })
    const asked = discord.say(members.approver, COMMAND)
    await started()
    roman.set(stations(roman.newest()).verified)
    discord.outage.restore()
    await replyTo(asked, (content) => content.includes('Health verified'))
  })

  it('tells a failure with what is live', async () => {
    const { discord, roman, members } = all
    const asked = discord.say(members.approver, COMMAND)
    await started()
    roman.set(stations(roman.newest()).failed)
    const { content } = await replyTo(asked, (text) => text.includes('Rollback failed'))
    expect(content).toContain(`Live now: v2.5.3 (${BAD}), the deployment that was to be rolled back`)
  })

  it('pings nobody, whatever the reason says', async () => {
    const { discord, members } = all
    const reason = `@everyone <@${members.nobody}> <@&${discord.roles.approver}> **x**`
    const asked = discord.say(members.approver, COMMAND.replace('Critical bug in payment flow', reason))
    const message = await replyTo(asked)
    expect(message.allowed_mentions).toEqual({ parse: [] })
    expect(message.mentioned).toEqual({ users: [], roles: [], everyone: false })
    expect(message.content).toContain(`Reason: \\@everyone \\<@${members.nobody}>`)
  })
})

it('says how to override what waits after a refusal, and approves nothing', async () => {
  const { discord, roman, members } = all
  roman.deployments.set(BAD, deployment({ guard: waitingDecision({ violations: ['total_coherence'] }) }))
  const { content } = await replyTo(discord.say(members.approver, COMMAND), (text) => text.includes('❌'))
  expect(content).toContain('❌ The constitution refused this rollback for total\\_coherence.')
  expect(content).toContain(`deployment_id=${BAD} reason="why" override=total_coherence`)
  expect(roman.asked).toEqual([])
})

it('explains itself to whoever mentions its role instead of it', async () => {
  const { discord, members } = all
  const asked = discord.say(
    members.approver,
    `<@&${discord.roles.bot}> /approve rollback deployment_id=abc-123 reason=x`,
  )
  expect((await replyTo(asked)).content).toContain('That mentions my role')
  expect(all.roman.asked).toEqual([])
})

describe('override', () => {
  const OVERRIDE = `${COMMAND} override=stable_system`

  it('overrides the refusal that waits', async () => {
    const { discord, roman, members } = all
    const refused = '5e000000-0000-4000-8000-00000000000f'
    roman.deployments.set(
      BAD,
      deployment({ guard: waitingDecision({ event_id: refused, violations: ['stable_system'] }) }),
    )
    const asked = discord.say(members.overrider, OVERRIDE)
    await started()
    expect(roman.asked).toMatchObject([
      { call: 'override', ref: refused, key: `discord:${asked}:override`, body: { violations: ['stable_system'] } },
    ])
    roman.set(stations(roman.newest()).verified)
    await replyTo(asked, (content) => content.includes('Health verified'))
  })

  it('asks first where none waits, then overrides exactly that refusal', async () => {
    const { discord, roman, members } = all
    const asked = discord.say(members.overrider, OVERRIDE)
    await started()
    const first = roman.newest()
    roman.set(stations(first).refused)
    await vi.waitFor(() => expect(calls()).toEqual(['rollback', 'override']))
    expect(roman.asked[1]).toMatchObject({ ref: first.event_id })
    roman.set(stations(roman.newest()).verified)
    await replyTo(asked, (content) => content.includes('Health verified'))
  })

  it('lifts nothing that was not named', async () => {
    const { discord, roman, members } = all
    const asked = discord.say(members.overrider, `${COMMAND} override=inhabitance`)
    await started()
    roman.set(stations(roman.newest()).refused)
    const { content } = await replyTo(asked, (text) => text.includes('❌'))
    expect(content).toContain(`deployment_id=${BAD} reason="why" override=stable_system`)
    expect(calls()).toEqual(['rollback'])
  })

  it('takes the override role: the approver role is not enough', async () => {
    const { discord, roman, members } = all
    const { content } = await replyTo(discord.say(members.approver, OVERRIDE))
    expect(content).toContain('You may not override the constitution')
    expect(roman.asked).toEqual([])
  })
})

it('nobody may do anything by default', async () => {
  await all.close()
  all = await startAll({ config: { approver_role_ids: [], override_role_ids: [] } })
  await all.app.listening
  const { content } = await replyTo(all.discord.say(all.members.approver, COMMAND))
  expect(content).toContain('Nobody may approve or reject rollbacks from Discord')
  expect(all.roman.asked).toEqual([])
})

it('answers what it does not understand with the form it expects', async () => {
  const { content } = await replyTo(all.discord.say(all.members.approver, '@R.O.M.A.N. /approve rollback reason=x'))
  expect(content).toContain('❓ deployment\\_id is missing. Nothing was done.')
  expect(content).toContain('/approve rollback deployment_id=abc-123 reason="Critical bug in payment flow"')
})

it('helps anybody', async () => {
  const { content } = await replyTo(all.discord.say(all.members.nobody, '@R.O.M.A.N. /help rollback'))
  expect(content).toContain('**R.O.M.A.N. rollback**')
})

it('leaves alone what is not said to it', async () => {
  const { discord, roman, members } = all
  discord.say(members.approver, '/approve rollback deployment_id=abc-123 reason=x')
  discord.say(members.approver, 'thanks @R.O.M.A.N. /approve rollback deployment_id=abc-123 reason=x')
  await replyTo(discord.say(members.approver, '@R.O.M.A.N. /help'))
  expect(discord.messages().filter(({ author }) => author.bot)).toHaveLength(1)
  expect(roman.asked).toEqual([])
})
