import { afterEach, beforeEach, expect, it } from 'vitest'
import { announce } from '../src/announce.ts'
import { createChat } from '../src/chat.ts'
import { configFor, QUICK, startAll } from './app.ts'
import { BAD, deployment, StoreDouble, waitingDecision } from './roman-double.ts'

let all: Awaited<ReturnType<typeof startAll>>
beforeEach(async () => {
  all = await startAll()
  await all.app.listening
})
afterEach(() => all.close())

/** A decision as people find it: posted by an earlier process, waiting for a click. */
const decisionMessage = async (violations: string[] = []) => {
  const { discord, roman } = all
  const guard = waitingDecision()
  roman.deployments.set(BAD, deployment({ guard }))
  const store = new StoreDouble(roman)
  const id = store.add({
    kind: 'decision',
    decision_id: guard.decision.decision_id,
    payload: { reason: guard.reason, violations },
  })
  const chat = createChat(configFor(discord))
  await announce(
    { chat, store, channel_id: discord.channelId, botId: discord.botId, pace: QUICK, pause: async () => {} },
    id,
  )
  return discord.waitForMessage(({ content }) => content.startsWith('⚠️ DECISION NEEDED'))
}

it('a click approves, says by whom, and takes the buttons away', async () => {
  const { discord, roman, members } = all
  const message = await decisionMessage()
  const click = await discord.click(members.approver, message.id, message.custom_ids[0]!)
  const closed = await discord.waitForMessage(({ content }) => content.endsWith('✅ Approved by Ada'))
  expect(closed).toMatchObject({ id: message.id, custom_ids: [] })
  expect(roman.asked).toMatchObject([
    {
      call: 'approve',
      ref: BAD,
      key: `discord:${click.id}:approve`,
      body: { discord: { id: members.approver, name: 'Ada' } },
    },
  ])
})

it('a click rejects', async () => {
  const { discord, roman, members } = all
  const message = await decisionMessage()
  await discord.click(members.approver, message.id, message.custom_ids[1]!)
  await discord.waitForMessage(({ content }) => content.endsWith('🛑 Rejected by Ada'))
  expect(roman.asked).toMatchObject([{ call: 'reject', body: { reason: 'Rejected in Discord by Ada' } }])
})

it('works on a message that was posted before a restart', async () => {
  const { discord, members } = all
  const message = await decisionMessage()
  await all.restart()
  await discord.click(members.approver, message.id, message.custom_ids[0]!)
  await discord.waitForMessage(({ content }) => content.endsWith('✅ Approved by Ada'))
})

it('a member without the role is told so alone, and nothing happens', async () => {
  const { discord, roman, members } = all
  const message = await decisionMessage()
  const click = await discord.click(members.nobody, message.id, message.custom_ids[0]!)
  expect(click.whispers).toEqual([expect.stringContaining('You may not approve or reject rollbacks')])
  expect(roman.asked).toEqual([])
  expect(discord.message(message.id).custom_ids).toHaveLength(2)
})

it('an old button does not answer a newer question', async () => {
  const { discord, roman, members } = all
  const message = await decisionMessage()
  const newer = waitingDecision({ decision_id: '7c000000-0000-4000-8000-000000000002', kind: 'late_breach' })
  roman.deployments.set(BAD, deployment({ guard: newer }))
  await discord.click(members.approver, message.id, message.custom_ids[0]!)
  const closed = await discord.waitForMessage(({ content }) => content.endsWith('⌛ This decision is over.'))
  expect(closed.custom_ids).toEqual([])
  expect(roman.asked).toEqual([])
})

it('what the constitution refused is not approved by a click', async () => {
  const { discord } = all
  const message = await decisionMessage(['stable_system'])
  expect(message.custom_ids).toEqual([expect.stringMatching(/^roman:1:reject:/)])
  expect(message.content).toContain(`<@${discord.botId}> /approve rollback deployment_id=${BAD}`)
})
