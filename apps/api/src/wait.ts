import type { FastifyReply } from 'fastify'

const WAIT_DEFAULT_SECONDS = 25
/** Most proxies give up after 60 seconds. */
const WAIT_MAX_SECONDS = 55

/** How long the caller wants to wait, from `Prefer: wait=N` or `respond-async` (RFC 7240); in milliseconds. */
export function waitOf(prefer: string | undefined): { wait_ms: number; applied: string | null } {
  for (const preference of (prefer ?? '').split(',').map((part) => part.trim().toLowerCase())) {
    if (preference === 'respond-async') return { wait_ms: 0, applied: 'respond-async' }
    const asked = /^wait\s*=\s*"?(\d+)"?$/.exec(preference)?.[1]
    if (asked === undefined) continue
    const seconds = Math.min(Number(asked), WAIT_MAX_SECONDS)
    return { wait_ms: seconds * 1000, applied: `wait=${seconds}` }
  }
  return { wait_ms: WAIT_DEFAULT_SECONDS * 1000, applied: null }
}

/** Aborts when the caller hangs up or the server closes: nobody waits for an answer that nobody reads. */
export function patienceOf(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController()
  // The response's close, not the request's: the latter comes as soon as a body has been read.
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return AbortSignal.any([gone.signal, closing])
}
