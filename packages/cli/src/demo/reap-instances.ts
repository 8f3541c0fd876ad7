import { reapIfWeDie } from '@roman/local-stack'

const LOOK_EVERY_MS = 250

interface Seen {
  live: Instance | null
  retired: Instance[]
}
interface Instance {
  event_id: string
  pid: number
}

/** Has the versions behind the proxy ended should we die without ending them: they belong to nobody on purpose. */
export function reapInstances(adminUrl: string, token: string): { end(): void } {
  const known = new Set<number>()
  const look = async () => {
    const response = await fetch(new URL('/state', adminUrl), { headers: { authorization: `Bearer ${token}` } })
    const { live, retired } = (await response.json()) as Seen
    for (const { event_id, pid } of live === null ? retired : [live, ...retired]) {
      if (known.has(pid)) continue
      known.add(pid)
      reapIfWeDie(`storefront:${event_id}`, pid, 'SIGTERM')
    }
  }
  const timer = setInterval(() => void look().catch(() => {}), LOOK_EVERY_MS)
  timer.unref()
  return { end: () => clearInterval(timer) }
}
