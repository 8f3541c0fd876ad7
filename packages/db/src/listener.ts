import { EventEmitter } from 'node:events'
import pg from 'pg'

export interface Listener {
  /** Calls `handler` with each payload of `channel`. Returns the way to stop. */
  on(channel: string, handler: (payload: string) => void): () => void
  /** False while notifications cannot arrive; callers then rely on their own tick. */
  readonly connected: boolean
  close(): Promise<void>
}

const RECONNECT_MS = 1_000

/**
 * One connection that LISTENs, reconnecting by itself. Notifications sent while it was away are lost, so every caller
 * also looks for itself now and then; `onState` tells when that is all there is.
 */
export const listen = (
  url: string,
  channels: readonly string[],
  onState: (state: 'connected' | 'lost', error?: unknown) => void = () => {},
): Listener => {
  const events = new EventEmitter().setMaxListeners(0)
  let client: pg.Client | undefined
  let connected = false
  let closed = false
  let timer: NodeJS.Timeout | undefined

  const lost = (error?: unknown): void => {
    if (client === undefined) return
    const dead = client
    client = undefined
    dead.removeAllListeners()
    dead.on('error', () => {})
    void dead.end().catch(() => {})
    if (connected) onState('lost', error)
    connected = false
    if (!closed) timer = setTimeout(connect, RECONNECT_MS)
  }

  const connect = async (): Promise<void> => {
    const next = new pg.Client({ connectionString: url, application_name: 'roman-listen', keepAlive: true })
    client = next
    next.on('error', lost)
    next.on('end', () => lost())
    next.on('notification', ({ channel, payload }) => events.emit(channel, payload ?? ''))
    try {
      await next.connect()
      for (const channel of channels) await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
      connected = true
      onState('connected')
    } catch (error) {
      lost(error)
    }
  }
  void connect()

  return {
    on(channel, handler) {
      events.on(channel, handler)
      return () => events.off(channel, handler)
    },
    get connected() {
      return connected
    },
    async close() {
      closed = true
      clearTimeout(timer)
      const open = client
      client = undefined
      open?.removeAllListeners()
      open?.on('error', () => {})
      await open?.end().catch(() => {})
    },
  }
}
