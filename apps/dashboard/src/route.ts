import { useEffect, useState } from 'react'

/** The page's only addresses: itself, and `rollbacks/<event id>` below it, so that an alert can link to one. */
const BASE = import.meta.env.BASE_URL

const eventIdAt = (path: string): string | null =>
  /^rollbacks\/([0-9a-f-]{36})\/?$/i.exec(path.startsWith(BASE) ? path.slice(BASE.length) : '')?.[1] ?? null

export const rollbackPath = (eventId: string): string => `${BASE}rollbacks/${eventId}`

/** The rollback that the address names, and the way to another address. */
export function useOpenRollback(): [string | null, (eventId: string | null) => void] {
  const [eventId, setEventId] = useState(() => eventIdAt(window.location.pathname))
  useEffect(() => {
    const follow = () => setEventId(eventIdAt(window.location.pathname))
    window.addEventListener('popstate', follow)
    return () => window.removeEventListener('popstate', follow)
  }, [])
  const open = (next: string | null) => {
    window.history.pushState(null, '', next === null ? BASE : rollbackPath(next))
    setEventId(next)
  }
  return [eventId, open]
}
