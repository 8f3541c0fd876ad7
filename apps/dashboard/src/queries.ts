import { hasEnded, type RomanClient } from '@roman/sdk'
import { useQuery } from '@tanstack/react-query'
import { createContext, use } from 'react'

export const ApiContext = createContext<RomanClient | null>(null)

function useApi(): RomanClient {
  const client = use(ApiContext)
  if (client === null) throw new Error('ApiContext is missing')
  return client
}

/** Only a visible page asks: refetching stops in the background by react-query's default. */
const LIVE_MS = 1_000
const SLOW_MS = 2_000
const TIMEOUT_MS = 8_000

export function useSummary() {
  const api = useApi()
  return useQuery({
    queryKey: ['summary'],
    queryFn: ({ signal }) => api.summary({ signal, timeoutMs: TIMEOUT_MS }),
    refetchInterval: SLOW_MS,
  })
}

export function useLiveDeployments() {
  const api = useApi()
  return useQuery({
    queryKey: ['live'],
    queryFn: ({ signal }) => api.listDeployments({ live: 'true', limit: 200 }, { signal, timeoutMs: TIMEOUT_MS }),
    refetchInterval: LIVE_MS,
  })
}

export function useRollbacks() {
  const api = useApi()
  return useQuery({
    queryKey: ['rollbacks'],
    queryFn: ({ signal }) => api.history({ limit: 20 }, { signal, timeoutMs: TIMEOUT_MS }),
    refetchInterval: SLOW_MS,
  })
}

export function useRollback(eventId: string) {
  const api = useApi()
  return useQuery({
    queryKey: ['rollback', eventId],
    queryFn: ({ signal }) => api.showRollback(eventId, { signal, timeoutMs: TIMEOUT_MS }),
    refetchInterval: ({ state }) => (state.data && hasEnded(state.data) ? false : LIVE_MS),
  })
}
