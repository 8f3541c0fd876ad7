import type { App } from './app.ts'

/** How long a request may still run once the server closes. */
const GRACE_MS = 10_000
const SWEEP_MS = 50

/**
 * Ends connections while the server closes: those that carry nothing once the last request is answered (browsers keep
 * spare ones open, which Node counts as busy until a timeout), and all of them after the grace. The signal aborts as
 * closing begins.
 */
export function drainOnClose(app: App): AbortSignal {
  const closing = new AbortController()
  let running = 0
  app.addHook('onRequest', async (_request, reply) => {
    running++
    // Not `onResponse`, which does not come where the caller hung up.
    reply.raw.once('close', () => {
      running--
    })
  })
  app.addHook('preClose', async () => {
    closing.abort()
    if (!app.server.listening) return
    const deadline = Date.now() + GRACE_MS
    const sweep = setInterval(() => {
      if (running === 0 || Date.now() > deadline) app.server.closeAllConnections()
    }, SWEEP_MS)
    app.server.once('close', () => clearInterval(sweep))
  })
  return closing.signal
}
