import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type ConversationLine, type DiscordStandIn, startDiscord } from './index.ts'

let discord: DiscordStandIn
const sockets: WebSocket[] = []
beforeEach(async () => {
  discord = await startDiscord()
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate()
  await discord.close()
})

const rest = async (method: string, path: string, body?: unknown, token = discord.token) => {
  const response = await fetch(`${discord.apiUrl}/v10${path}`, {
    method,
    headers: { authorization: `Bot ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) }
}
const post = (body: unknown) => rest('POST', `/channels/${discord.channelId}/messages`, body)

interface Payload {
  op: number
  t: string | null
  s: number | null
  d: Record<string, unknown>
}

/** A gateway connection that remembers what it was sent. */
const connect = async (hello?: (send: (payload: unknown) => void) => void) => {
  const { url } = (await rest('GET', '/gateway/bot')).body as { url: string }
  const socket = new WebSocket(`${url}?v=10&encoding=json`)
  sockets.push(socket)
  const got: Payload[] = []
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  const send = (payload: unknown) => socket.send(JSON.stringify(payload))
  const waits = new Set<() => void>()
  socket.on('message', (raw) => {
    const payload = JSON.parse(String(raw)) as Payload
    got.push(payload)
    if (payload.op === 10) hello?.(send)
    for (const wait of waits) wait()
  })
  const until = (fits: (payload: Payload) => boolean) =>
    new Promise<Payload>((resolve) => {
      const look = () => {
        const found = got.find(fits)
        if (found === undefined) return
        waits.delete(look)
        resolve(found)
      }
      waits.add(look)
      look()
    })
  return { socket, got, send, closed, until }
}
const GUILDS_AND_MESSAGES = 1 | 512
const identify =
  (change: object = {}) =>
  (send: (payload: unknown) => void) =>
    send({ op: 2, d: { token: discord.token, intents: GUILDS_AND_MESSAGES, properties: {}, ...change } })

describe('the gateway', () => {
  it('greets, takes the token and shows the guild', async () => {
    const bot = await connect(identify())
    const ready = await bot.until(({ t }) => t === 'READY')
    expect(ready.d).toMatchObject({
      user: { id: discord.botId, bot: true },
      guilds: [{ id: discord.guildId, unavailable: true }],
    })
    const guild = await bot.until(({ t }) => t === 'GUILD_CREATE')
    expect(guild.d).toMatchObject({ id: discord.guildId, unavailable: false })
    expect(bot.got[0]).toMatchObject({ op: 10, d: { heartbeat_interval: expect.any(Number) } })
    bot.send({ op: 1, d: ready.s })
    await bot.until(({ op }) => op === 11)
  })

  it.each([
    ['a wrong token', { token: 'wrong' }, 4004],
    ['an intent the bot was not granted', { intents: 1 << 15 }, 4014],
    ['intents that are none', { intents: -1 }, 4013],
    ['a shard that does not exist', { shard: [1, 2] }, 4010],
  ])('closes on %s as Discord does', async (_, change, code) => {
    expect(await (await connect(identify(change))).closed).toBe(code)
  })

  it('closes on what it does not understand', async () => {
    const silent = await connect()
    silent.socket.on('open', () => silent.socket.send('{'))
    expect(await silent.closed).toBe(4002)
    expect(await (await connect((send) => send({ op: 3, d: {} }))).closed).toBe(4003)
  })

  it('gives a text only to a bot that it mentions', async () => {
    const bot = await connect(identify())
    await bot.until(({ t }) => t === 'GUILD_CREATE')
    const member = discord.addMember({ name: 'Ada', roles: [discord.roles.approver] })
    const aside = discord.say(member, 'not for you')
    const said = discord.say(member, '@R.O.M.A.N. hello')
    const heard = await bot.until(({ t, d }) => t === 'MESSAGE_CREATE' && d.id === said)
    expect(heard.d).toMatchObject({
      content: `<@${discord.botId}> hello`,
      guild_id: discord.guildId,
      member: { roles: [discord.roles.approver] },
    })
    expect(bot.got.find(({ d }) => d?.id === aside)?.d.content).toBe('')
  })

  it('gives a session that was cut off what it missed', async () => {
    const first = await connect(identify())
    const { d, s } = await first.until(({ t }) => t === 'READY')
    await first.until(({ t }) => t === 'GUILD_CREATE')
    discord.outage.gateway()
    await first.closed
    const said = discord.say(discord.addMember({ name: 'Ada' }), '@R.O.M.A.N. hello')
    discord.outage.restore()
    const again = await connect((send) =>
      send({ op: 6, d: { token: discord.token, session_id: d.session_id, seq: (s ?? 0) + 1 } }),
    )
    await again.until(({ t }) => t === 'RESUMED')
    expect(again.got.map(({ t }) => t)).toEqual([null, 'MESSAGE_CREATE', 'RESUMED'])
    expect(again.got[1]?.d.id).toBe(said)
  })

  it('has no session for one that said goodbye', async () => {
    const first = await connect(identify())
    const { d } = await first.until(({ t }) => t === 'READY')
    first.socket.close(1000)
    await first.closed
    const again = await connect((send) =>
      send({ op: 6, d: { token: discord.token, session_id: d.session_id, seq: 1 } }),
    )
    expect(await again.until(({ op }) => op === 9)).toMatchObject({ d: false })
  })
})

describe('REST', () => {
  it('makes one message of one nonce', async () => {
    const [first, second] = [
      await post({ content: 'one', nonce: 'n', enforce_nonce: true }),
      await post({ content: 'two', nonce: 'n', enforce_nonce: true }),
    ]
    expect(second.body).toMatchObject({ id: first.body.id, content: 'one' })
    expect(discord.messages()).toHaveLength(1)
  })

  it('pings whom a text names, unless it is told not to', async () => {
    const member = discord.addMember({ name: 'Ada' })
    const content = `@everyone <@${member}>`
    await post({ content })
    await post({ content, allowed_mentions: { parse: [] } })
    expect(discord.messages().map(({ mentioned }) => mentioned)).toEqual([
      { users: [member], roles: [], everyone: true },
      { users: [], roles: [], everyone: false },
    ])
  })

  it.each([
    ['an unknown channel', 'POST', '/channels/1/messages', { content: 'x' }, 404, 10003],
    ['an empty message', 'POST', null, { content: '' }, 400, 50006],
    ['a text that is too long', 'POST', null, { content: 'x'.repeat(2001) }, 400, 50035],
    ['a nonce that is too long', 'POST', null, { content: 'x', nonce: 'n'.repeat(26) }, 400, 50035],
    ['an unknown route', 'GET', '/nowhere', undefined, 404, 0],
  ])('refuses %s in Discord’s form', async (_, method, path, body, status, code) => {
    const answer = await rest(method, path ?? `/channels/${discord.channelId}/messages`, body)
    expect(answer).toMatchObject({ status, body: { code, message: expect.any(String) } })
  })

  it('lets nobody in without the token, and nobody edit what another wrote', async () => {
    expect(await rest('GET', '/users/@me', undefined, 'wrong')).toMatchObject({ status: 401, body: { code: 0 } })
    const id = discord.say(discord.addMember({ name: 'Ada' }), 'mine')
    const edit = await rest('PATCH', `/channels/${discord.channelId}/messages/${id}`, { content: 'yours' })
    expect(edit).toMatchObject({ status: 403, body: { code: 50005 } })
  })

  it('keeps every text that a message had', async () => {
    const { body } = await post({ content: 'one' })
    await rest('PATCH', `/channels/${discord.channelId}/messages/${body.id}`, { content: 'two' })
    expect(discord.message(body.id)).toMatchObject({ content: 'two', history: ['one', 'two'] })
  })

  it('says how much is left of a rate limit, then when to come back', async () => {
    const answers = []
    for (let index = 0; index < 6; index += 1) answers.push(await post({ content: `${index}` }))
    expect(answers[0]?.headers.get('x-ratelimit-remaining')).toBe('4')
    expect(answers[5]).toMatchObject({ status: 429, body: { global: false, retry_after: expect.any(Number) } })
    expect(Number(answers[5]?.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  it('fails as it is told to, with or without effect', async () => {
    discord.outage.rest({ status: 500, times: 1 })
    discord.outage.rest({ status: 502, times: 1, after: true })
    const raw = () =>
      fetch(`${discord.apiUrl}/v10/channels/${discord.channelId}/messages`, {
        method: 'POST',
        headers: { authorization: `Bot ${discord.token}`, 'content-type': 'application/json' },
        body: '{"content":"x"}',
      })
    expect((await raw()).status).toBe(500)
    expect(discord.messages()).toHaveLength(0)
    expect((await raw()).status).toBe(502)
    expect(discord.messages()).toHaveLength(1)
    expect((await raw()).status).toBe(200)
  })
})

it('a conversation can be listened to as people read it', async () => {
  const heard: ConversationLine[] = []
  const stop = discord.conversation((line) => heard.push(line))
  discord.say(discord.addMember({ name: 'Ada' }), '@R.O.M.A.N. hello')
  const { body } = await post({ content: 'a \\_b\\_' })
  await rest('PATCH', `/channels/${discord.channelId}/messages/${body.id}`, { content: 'done' })
  stop()
  await post({ content: 'unheard' })
  expect(heard.map(({ kind, author, text }) => [kind, author, text])).toEqual([
    ['message', 'Ada', '@R.O.M.A.N. hello'],
    ['message', 'R.O.M.A.N.', 'a _b_'],
    ['edit', 'R.O.M.A.N.', 'done'],
  ])
})

it('a click that nobody answers has failed after three seconds', async () => {
  const button = { type: 2, style: 3, label: 'Go', custom_id: 'go' }
  const { body } = await post({ content: 'x', components: [{ type: 1, components: [button] }] })
  const click = await discord.click(discord.addMember({ name: 'Ada' }), body.id, 'go')
  expect(click).toMatchObject({ failed: true, answer: null })
  expect(() => discord.click(click.member_id, body.id, 'other')).toThrow('has no button other')
})
