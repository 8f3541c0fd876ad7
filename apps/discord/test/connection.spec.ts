import { setTimeout as wait } from 'node:timers/promises'
import { SchemaRefused } from '@roman/db'
import { createLogger } from '@roman/runtime'
import { startDiscord } from '@roman/testing/discord'
import { afterEach, expect, it, vi } from 'vitest'
import { startDiscordApp } from '../src/context.ts'
import { configFor, QUICK, startAll } from './app.ts'
import { RomanDouble, StoreDouble } from './roman-double.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const timeout = (ms: number) => wait(ms, 'still waiting')

const HELP = '@R.O.M.A.N. /help rollback'

it('hears what was said while the gateway was away', async () => {
  const all = await startAll()
  closing.push(all.close)
  await all.app.listening
  all.discord.outage.gateway()
  const asked = all.discord.say(all.members.nobody, HELP)
  all.discord.outage.restore()
  await all.discord.waitForMessage(({ reply_to }) => reply_to === asked, 15_000)
}, 20_000)

it('waits for a Discord that is away at the start', async () => {
  const discord = await startDiscord()
  closing.push(() => discord.close())
  discord.outage.rest({ status: 503 })
  discord.outage.gateway()
  const roman = new RomanDouble()
  const app = startDiscordApp(configFor(discord), {
    api: roman,
    store: new StoreDouble(roman),
    log: createLogger('discord', 'silent'),
    pace: QUICK,
  })
  closing.push(() => app.stop())
  await expect(Promise.race([app.listening, timeout(300)])).resolves.toBe('still waiting')
  discord.outage.restore()
  await app.listening
})

it('stops, and says the way out, when the token is wrong', async () => {
  const discord = await startDiscord()
  closing.push(() => discord.close())
  const roman = new RomanDouble()
  const app = startDiscordApp(
    { ...configFor(discord), token: 'wrong' },
    { api: roman, store: new StoreDouble(roman), log: createLogger('discord', 'silent'), pace: QUICK },
  )
  await expect(app.finished).rejects.toThrow('Set DISCORD_TOKEN to a valid one.')
})

it('stops, and says the way out, when the database is a newer version’s; one that is away it waits for', async () => {
  const discord = await startDiscord()
  closing.push(() => discord.close())
  const roman = new RomanDouble()
  let failure = new Error('connect ECONNREFUSED')
  const app = startDiscordApp(configFor(discord), {
    api: roman,
    store: new StoreDouble(roman),
    log: createLogger('discord', 'silent'),
    pace: QUICK,
    checkSchema: () => Promise.reject(failure),
  })
  closing.push(() => app.stop())
  await app.listening
  await expect(Promise.race([app.finished, timeout(100)])).resolves.toBe('still waiting')
  failure = new SchemaRefused('This database has migration 2999, newer than this version. Upgrade.')
  await expect(app.finished).rejects.toThrow('newer than this version. Upgrade.')
})

it('needs no Temporal for commands', async () => {
  const all = await startAll()
  closing.push(all.close)
  await all.app.listening
  const asked = all.discord.say(all.members.nobody, HELP)
  await all.discord.waitForMessage(({ reply_to }) => reply_to === asked)
})

it('leaves no connection when it stops', async () => {
  const all = await startAll()
  closing.push(() => all.discord.close())
  await all.app.listening
  await all.app.stop()
  await vi.waitFor(() => expect(all.discord.connected()).toBe(0))
})
