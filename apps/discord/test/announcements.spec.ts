import { type DiscordStandIn, startDiscord } from '@roman/testing/discord'
import { ApplicationFailure } from '@temporalio/activity'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toFailure } from '../src/activities.ts'
import { announce } from '../src/announce.ts'
import { createChat } from '../src/chat.ts'
import { ChatError } from '../src/ports.ts'
import { configFor, QUICK } from './app.ts'
import { RomanDouble, rollback, StoreDouble, stations } from './roman-double.ts'

let discord: DiscordStandIn
let roman: RomanDouble
let store: StoreDouble
beforeEach(async () => {
  discord = await startDiscord({ rateLimit: { limit: 1_000, per_seconds: 5 } })
  roman = new RomanDouble()
  store = new StoreDouble(roman)
})
afterEach(() => discord.close())

const run = (id: string, config: { channelId?: string } = {}) =>
  announce(
    {
      chat: createChat(configFor(discord)),
      store,
      channel_id: config.channelId ?? discord.channelId,
      botId: discord.botId,
      pace: QUICK,
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    },
    id,
  )
const headlines = () => discord.messages().map(({ content }) => content.split('\n')[0])
const told = (view = rollback()) => {
  roman.set(view)
  return { view, id: store.add({ kind: 'rollback', event_id: view.event_id }) }
}

describe('a rollback', () => {
  it('is announced, followed in place, and told to its end', async () => {
    const { view, id } = told()
    const { deploying, live, verified } = stations(view)
    const running = run(id)
    roman.set(deploying)
    await discord.waitForMessage(({ content }) => content.includes('50% deploying: starting v2.5.2'))
    roman.set(live)
    await discord.waitForMessage(({ content }) => content.includes('100% live, verifying health'))
    roman.set(verified)
    await running
    expect(headlines()).toEqual(['🚨 ROLLBACK INITIATED', '✅ ROLLBACK COMPLETE'])
    const [initiated] = discord.messages()
    expect(initiated?.history[0]).not.toContain('[')
    expect(initiated?.content).toContain('100% live, health verified')
  })

  it('that is refused is no rollback initiated', async () => {
    const { view, id } = told()
    roman.set(stations(view).refused)
    await run(id)
    expect(headlines()).toEqual(['🚨 CONSTITUTIONAL VIOLATION'])
  })

  it('that failed leaves no bar that goes on, and calls for a person', async () => {
    const { view, id } = told()
    roman.set(stations(view).failed)
    await run(id)
    expect(headlines()).toEqual(['🚨 ROLLBACK INITIATED', '❌ ROLLBACK FAILED'])
    expect(discord.messages()[0]?.content).toContain('Stopped: failed.')
    expect(discord.messages()[1]?.content).toContain('the deployment that was to be rolled back')
  })
})

describe('exactly once', () => {
  it('when the process dies between posting and recording', async () => {
    const { view, id } = told()
    roman.set(stations(view).verified)
    store.diesBeforeKeeping = true
    await expect(run(id)).rejects.toThrow('The process died.')
    await run(id)
    await run(id)
    expect(headlines()).toEqual(['🚨 ROLLBACK INITIATED', '✅ ROLLBACK COMPLETE'])
  })

  it('when Discord makes a message and its answer is lost', async () => {
    const { view, id } = told()
    roman.set(stations(view).refused)
    discord.outage.rest({ status: 502, times: 2, after: true, matching: 'POST' })
    await run(id)
    expect(headlines()).toEqual(['🚨 CONSTITUTIONAL VIOLATION'])
  })

  it('when another process takes over in the middle', async () => {
    const { view, id } = told()
    const { deploying, verified } = stations(view)
    roman.set(deploying)
    const stopped = announce(
      {
        chat: createChat(configFor(discord)),
        store,
        channel_id: discord.channelId,
        botId: discord.botId,
        pace: QUICK,
        pause: async () => {
          throw new Error('The worker stops.')
        },
      },
      id,
    )
    await expect(stopped).rejects.toThrow('The worker stops.')
    roman.set(verified)
    await run(id)
    expect(headlines()).toEqual(['🚨 ROLLBACK INITIATED', '✅ ROLLBACK COMPLETE'])
    expect(discord.messages()[0]?.content).toContain('health verified')
  })
})

describe('when Discord does not take it', () => {
  const failure = async (id: string, config?: { channelId: string }): Promise<ApplicationFailure> => {
    const error = await run(id, config).then(
      () => null,
      (thrown: unknown) => toFailure(thrown),
    )
    if (!(error instanceof ApplicationFailure)) throw new Error(`Expected a failure, got ${String(error)}`)
    return error
  }

  it('a missing right is said once and for all, with the right it takes', async () => {
    const id = store.add({ kind: 'blind' })
    discord.outage.denyChannel(discord.channelId, 50013)
    expect(await failure(id)).toMatchObject({
      type: 'DiscordForbidden',
      nonRetryable: true,
      message: expect.stringContaining('Give the bot "Send Messages"'),
    })
  })

  it('a wrong channel is said once and for all, with the setting to correct', async () => {
    const id = store.add({ kind: 'blind' })
    expect(await failure(id, { channelId: '123456789012345678' })).toMatchObject({
      type: 'DiscordUnknown',
      nonRetryable: true,
      message: expect.stringMatching(/channel 123456789012345678.*Set discord\.alert_channel_id/),
    })
  })

  it('a fault of Discord’s is for the next attempt', async () => {
    const id = store.add({ kind: 'blind' })
    discord.outage.rest({ status: 500 })
    expect(await failure(id)).toMatchObject({ type: 'DiscordUnavailable', nonRetryable: false })
    discord.outage.restore()
    await run(id)
    expect(headlines()).toEqual(['⚠️ HEALTH CANNOT BE READ'])
  })

  it('a long rate limit is for the next attempt, when Discord says', async () => {
    const id = store.add({ kind: 'blind' })
    discord.outage.rest({ status: 429, retry_after_seconds: 120 })
    const { nextRetryDelay } = await failure(id)
    expect(nextRetryDelay).toBeGreaterThanOrEqual(120_000)
  })

  it('a short rate limit is waited out', async () => {
    const id = store.add({ kind: 'blind' })
    discord.outage.rest({ status: 429, retry_after_seconds: 0.3, times: 1 })
    await run(id)
    expect(headlines()).toHaveLength(1)
  })

  it('an edit that fails costs neither the outcome nor the announcement', async () => {
    const { view, id } = told()
    roman.set(stations(view).deploying)
    const running = run(id)
    await discord.waitForMessage(({ content }) => content.includes('50%'))
    discord.deleteMessage(discord.messages()[0]!.id)
    roman.set(stations(view).verified)
    await running
    expect(headlines()).toEqual(['✅ ROLLBACK COMPLETE'])
  })

  it('an announcement that does not exist is not tried again', async () => {
    expect(await failure('00000000-0000-4000-8000-000000000000')).toMatchObject({ nonRetryable: true })
  })

  it('a wrong token is told as such and may be mended by a restart', () => {
    expect(toFailure(new ChatError('token', 'Set DISCORD_TOKEN.'))).toMatchObject({ nonRetryable: false })
  })
})
