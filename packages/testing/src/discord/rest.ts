import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastify from 'fastify'
import { DiscordError, denied, notFound, unauthorized, unknownChannel, unknownMessage } from './errors.ts'
import type { Guild } from './guild.ts'
import type { Interactions } from './interactions.ts'
import type { MessageBody, Messages } from './messages.ts'
import type { Outage, RestFault } from './outage.ts'
import type { RateLimits } from './rate-limits.ts'
import { snowflake } from './snowflake.ts'

export interface RestParts {
  token: string
  gatewayUrl: () => string
  guild: Guild
  messages: Messages
  interactions: Interactions
  limits: RateLimits
  outage: Outage
}

interface Params {
  channel: string
  message: string
  id: string
  token: string
  member: string
}

/** Discord's REST API, version 10, as far as a bot of ours needs it. */
export const createRest = (parts: RestParts): FastifyInstance => {
  const app = fastify({ bodyLimit: 1_048_576 })
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    if (error instanceof DiscordError) return reply.status(error.status).send(error.body())
    const status = error.statusCode ?? 500
    return reply.status(status).send({ message: `${status}: ${error.message}`, code: 0 })
  })
  app.setNotFoundHandler(() => {
    throw notFound()
  })
  for (const prefix of ['/api/v10', '/api']) {
    app.register(async (api) => routes(api, parts), { prefix })
  }
  return app
}

const routes = (api: FastifyInstance, parts: RestParts): void => {
  const { guild, messages, interactions } = parts
  const faults = new WeakMap<FastifyRequest, RestFault>()
  const param = (request: FastifyRequest): Params => request.params as Params
  const body = (request: FastifyRequest): MessageBody => (request.body ?? {}) as MessageBody

  api.addHook('onRequest', async (request, reply) => {
    const fault = parts.outage.take(request.method, request.url)
    if (fault?.after === true) faults.set(request, fault)
    else if (fault !== undefined) return fail(reply, fault)
  })
  api.addHook('preHandler', async (request, reply) => {
    const route = request.routeOptions.url ?? ''
    const ownToken = route.includes('/webhooks/') || route.includes('/callback')
    if (!ownToken && request.headers.authorization !== `Bot ${parts.token}`) throw unauthorized()
    const { channel, token } = param(request)
    const { headers, retryAfterSeconds } = parts.limits.take(request.method, route, channel ?? token ?? '')
    // Discord does not rate limit the callback itself.
    if (!route.includes('/callback')) reply.headers(headers)
    if (retryAfterSeconds !== null && !route.includes('/callback')) {
      return fail(reply, { status: 429, retry_after_seconds: retryAfterSeconds })
    }
    if (channel === undefined) return
    if (!guild.channels.has(channel)) throw unknownChannel()
    const code = parts.outage.deniedIn(channel)
    if (code !== undefined) throw denied(code)
  })
  // The effect stays and the answer is lost, as when a proxy dies in between.
  api.addHook('onSend', async (request, reply, payload) => {
    const fault = faults.get(request)
    if (fault === undefined) return payload
    reply.status(fault.status).header('content-type', 'text/plain')
    return 'upstream connect error'
  })

  api.get('/gateway', async () => ({ url: parts.gatewayUrl() }))
  api.get('/gateway/bot', async () => ({
    url: parts.gatewayUrl(),
    shards: 1,
    session_start_limit: { total: 1000, remaining: 999, reset_after: 14_400_000, max_concurrency: 1 },
  }))
  api.get('/users/@me', async () => ({ ...guild.bot, verified: true, mfa_enabled: false, flags: 0 }))
  for (const path of ['/applications/@me', '/oauth2/applications/@me']) {
    api.get(path, async () => ({
      id: guild.bot.id,
      name: guild.bot.username,
      icon: null,
      description: '',
      bot_public: false,
      bot_require_code_grant: false,
      verify_key: '0'.repeat(64),
      flags: 0,
      bot: guild.bot,
    }))
  }
  for (const path of ['/applications/:id/commands', '/applications/:id/guilds/:guild/commands']) {
    api.put(path, async (request) =>
      (request.body as Record<string, unknown>[]).map((command) => ({
        id: snowflake(),
        application_id: guild.bot.id,
        version: snowflake(),
        ...command,
      })),
    )
  }

  api.get('/channels/:channel', async (request) => guild.channels.get(param(request).channel))
  api.get('/channels/:channel/messages', async (request) => {
    const { limit = '50' } = request.query as { limit?: string }
    const all = messages.in(param(request).channel).map(({ message }) => message)
    return all.reverse().slice(0, Math.min(100, Number(limit)))
  })
  api.post('/channels/:channel/messages', async (request) => {
    return messages.create(guild.bot, param(request).channel, body(request)).message
  })
  api.get('/channels/:channel/messages/:message', async (request) => messages.get(param(request).message).message)
  api.patch('/channels/:channel/messages/:message', async (request) => {
    return messages.edit(guild.bot, param(request).message, body(request)).message
  })
  api.delete('/channels/:channel/messages/:message', async (request, reply) => {
    messages.delete(messages.get(param(request).message).message.id)
    return reply.status(204).send()
  })

  api.post('/interactions/:id/:token/callback', async (request, reply) => {
    const { id, token } = param(request)
    interactions.callback(guild.bot, id, token, request.body as { type: number; data?: MessageBody })
    return reply.status(204).send()
  })
  // discord.js sends the @ as %40, which a fixed path would not match.
  api.get('/webhooks/:id/:token/messages/:message', async (request) => {
    if (param(request).message !== '@original') throw unknownMessage()
    return interactions.original(param(request).token)
  })
  api.patch('/webhooks/:id/:token/messages/:message', async (request) => {
    if (param(request).message !== '@original') throw unknownMessage()
    return interactions.editOriginal(guild.bot, param(request).token, body(request))
  })
  api.post('/webhooks/:id/:token', async (request) => {
    return interactions.followUp(guild.bot, param(request).token, body(request))
  })
}

const fail = (reply: FastifyReply, fault: RestFault): FastifyReply => {
  if (fault.status !== 429) return reply.status(fault.status).type('text/plain').send('upstream connect error')
  const seconds = fault.retry_after_seconds ?? 1
  const scope = fault.global === true ? 'global' : 'user'
  if (fault.global === true) reply.header('x-ratelimit-global', 'true')
  // The header counts whole seconds; the body is exact.
  return reply
    .status(429)
    .headers({ 'retry-after': String(Math.ceil(seconds)), 'x-ratelimit-scope': scope })
    .send({ message: 'You are being rate limited.', retry_after: seconds, global: fault.global === true })
}
