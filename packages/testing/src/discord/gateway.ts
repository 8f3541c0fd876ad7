import type { IncomingMessage, Server } from 'node:http'
import { GatewayCloseCodes, GatewayDispatchEvents, GatewayIntentBits, GatewayOpcodes } from 'discord-api-types/v10'
import { type WebSocket, WebSocketServer } from 'ws'
import { snowflake } from './snowflake.ts'

/** A disconnected session may miss this many events and still resume. */
const REPLAY_MAX = 1_000
const PRIVILEGED = GatewayIntentBits.GuildMembers | GatewayIntentBits.GuildPresences | GatewayIntentBits.MessageContent

interface Session {
  id: string
  intents: number
  sequence: number
  sent: { op: number; t: string; s: number; d: unknown }[]
  socket: WebSocket | null
}

export interface GatewayOptions {
  token: string
  heartbeatIntervalMs: number
  /** `user` and `application` of READY, and the guilds that follow it. */
  identity: () => { user: unknown; application: { id: string; flags: number }; guilds: { id: string }[] }
}

/**
 * Discord's gateway for one unsharded bot without privileged intents: HELLO, IDENTIFY, READY, GUILD_CREATE, heartbeats,
 * RESUME with replay, and its close codes.
 */
export class Gateway {
  readonly #options: GatewayOptions
  readonly #server = new WebSocketServer({ noServer: true })
  readonly #sessions = new Map<string, Session>()
  #away = false
  /** Where clients are sent; known once the HTTP server listens. */
  url = ''

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#server.on('connection', (socket: WebSocket, request: IncomingMessage) => this.#greet(socket, request))
  }

  attach(http: Server): void {
    http.on('upgrade', (request, socket, head) => {
      if (this.#away) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n')
        return
      }
      this.#server.handleUpgrade(request, socket, head, (ws) => this.#server.emit('connection', ws, request))
    })
  }

  get connected(): number {
    return [...this.#sessions.values()].filter(({ socket }) => socket !== null).length
  }

  /** Sends an event to every session that asked for it. `data` may depend on the session's intents. */
  dispatch(event: string, data: (intents: number) => unknown, intent = 0): void {
    for (const session of this.#sessions.values()) {
      if (intent === 0 || (session.intents & intent) !== 0) this.#send(session, event, data(session.intents))
    }
  }

  drop(): void {
    this.#away = true
    for (const socket of this.#server.clients) socket.terminate()
  }

  restore(): void {
    this.#away = false
  }

  close(): void {
    this.drop()
    this.#server.close()
  }

  #send(session: Session, event: string, data: unknown): void {
    session.sequence += 1
    const payload = { op: GatewayOpcodes.Dispatch, t: event, s: session.sequence, d: data }
    session.sent.push(payload)
    if (session.sent.length > REPLAY_MAX) session.sent.shift()
    session.socket?.send(JSON.stringify(payload))
  }

  #greet(socket: WebSocket, request: IncomingMessage): void {
    const version = new URL(request.url ?? '/', 'ws://gateway').searchParams.get('v')
    if (version !== '10') {
      socket.close(GatewayCloseCodes.InvalidAPIVersion, 'Invalid API version')
      return
    }
    let session: Session | null = null
    socket.send(
      JSON.stringify({
        op: GatewayOpcodes.Hello,
        t: null,
        s: null,
        d: { heartbeat_interval: this.#options.heartbeatIntervalMs, _trace: ['["stand-in"]'] },
      }),
    )
    socket.on('message', (raw) => {
      const payload = parse(String(raw))
      if (payload === null) return socket.close(GatewayCloseCodes.DecodeError, 'Error while decoding payload')
      if (payload.op === GatewayOpcodes.Heartbeat) {
        return socket.send(JSON.stringify({ op: GatewayOpcodes.HeartbeatAck, t: null, s: null, d: null }))
      }
      if (payload.op === GatewayOpcodes.Identify) {
        if (session !== null) return socket.close(GatewayCloseCodes.AlreadyAuthenticated, 'Already authenticated')
        session = this.#identify(socket, payload.d)
        return
      }
      if (payload.op === GatewayOpcodes.Resume) {
        session = this.#resume(socket, payload.d)
        return
      }
      if (session === null) return socket.close(GatewayCloseCodes.NotAuthenticated, 'Not authenticated')
      const ignored: number[] = [
        GatewayOpcodes.PresenceUpdate,
        GatewayOpcodes.VoiceStateUpdate,
        GatewayOpcodes.RequestGuildMembers,
      ]
      if (!ignored.includes(payload.op)) socket.close(GatewayCloseCodes.UnknownOpcode, 'Unknown opcode')
    })
    socket.on('close', (code) => {
      if (session === null || session.socket !== socket) return
      session.socket = null
      // A client that says goodbye gives its session up; one that is cut off may resume.
      if (code === 1000 || code === 1001) this.#sessions.delete(session.id)
    })
    socket.on('error', () => socket.terminate())
  }

  #identify(socket: WebSocket, data: Record<string, unknown>): Session | null {
    const refuse = (code: GatewayCloseCodes, reason: string): null => {
      socket.close(code, reason)
      return null
    }
    if (bare(data.token) !== this.#options.token) {
      return refuse(GatewayCloseCodes.AuthenticationFailed, 'Authentication failed.')
    }
    const { intents, shard } = data
    if (typeof intents !== 'number' || !Number.isInteger(intents) || intents < 0) {
      return refuse(GatewayCloseCodes.InvalidIntents, 'Invalid intent(s).')
    }
    if ((intents & PRIVILEGED) !== 0) return refuse(GatewayCloseCodes.DisallowedIntents, 'Disallowed intent(s).')
    if (shard !== undefined && (!Array.isArray(shard) || shard[0] !== 0 || shard[1] !== 1)) {
      return refuse(GatewayCloseCodes.InvalidShard, 'Invalid shard')
    }
    const session: Session = { id: snowflake(), intents, sequence: 0, sent: [], socket }
    this.#sessions.set(session.id, session)
    const { user, application, guilds } = this.#options.identity()
    this.#send(session, GatewayDispatchEvents.Ready, {
      v: 10,
      user,
      guilds: guilds.map(({ id }) => ({ id, unavailable: true })),
      session_id: session.id,
      resume_gateway_url: this.url,
      application,
      ...(shard === undefined ? {} : { shard }),
    })
    if ((intents & GatewayIntentBits.Guilds) !== 0) {
      for (const guild of guilds) this.#send(session, GatewayDispatchEvents.GuildCreate, guild)
    }
    return session
  }

  #resume(socket: WebSocket, data: Record<string, unknown>): Session | null {
    if (bare(data.token) !== this.#options.token) {
      socket.close(GatewayCloseCodes.AuthenticationFailed, 'Authentication failed.')
      return null
    }
    const session = this.#sessions.get(String(data.session_id))
    const from = Number(data.seq)
    const oldest = session?.sent[0]?.s ?? 1
    if (session === undefined || from < oldest - 1) {
      socket.send(JSON.stringify({ op: GatewayOpcodes.InvalidSession, t: null, s: null, d: false }))
      return null
    }
    if (from > session.sequence) {
      socket.close(GatewayCloseCodes.InvalidSeq, 'Invalid seq')
      return null
    }
    session.socket = socket
    for (const payload of session.sent.filter(({ s }) => s > from)) socket.send(JSON.stringify(payload))
    this.#send(session, GatewayDispatchEvents.Resumed, { _trace: ['["stand-in"]'] })
    return session
  }
}

const bare = (token: unknown): string => String(token).replace(/^Bot /, '')

const parse = (raw: string): { op: number; d: Record<string, unknown> } | null => {
  try {
    const payload = JSON.parse(raw)
    return typeof payload?.op === 'number' ? { op: payload.op, d: payload.d ?? {} } : null
  } catch {
    return null
  }
}
