import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { wordsOf } from './words.ts'

/** One line while the server is away or refuses; what is shown below stays as it was last known. */
export function Away({ queries }: { queries: UseQueryResult[] }) {
  const failing = queries.find(({ isError }) => isError)
  const since = Math.min(...queries.map(({ dataUpdatedAt }) => dataUpdatedAt))
  return (
    <div aria-live="polite">
      {failing && (
        <p className="away">
          {wordsOf(failing.error)} {since > 0 && <>What you see is from {new Date(since).toLocaleTimeString()}. </>}
          Trying again by itself.
        </p>
      )}
    </div>
  )
}

/** A list's other faces: loading, failed, and nothing there. */
export function ListState({ query, empty }: { query: UseQueryResult<unknown[]>; empty: ReactNode }) {
  if (query.data === undefined) {
    return <p className="quiet padded">{query.isError ? 'Not loaded yet.' : 'Loading…'}</p>
  }
  return query.data.length === 0 ? <div className="quiet padded">{empty}</div> : null
}

const TONES: Record<string, string> = {
  success: 'good',
  healthy: 'good',
  completed: 'good',
  in_progress: 'busy',
  pending: 'busy',
  started: 'busy',
  warning: 'warn',
  aborted: 'warn',
  inconclusive: 'warn',
  rolled_back: 'warn',
  failed: 'bad',
  breach: 'bad',
}

/** A status in words; its colour only repeats them. */
export const Badge = ({ status, children }: { status: string; children?: ReactNode }) => (
  <span className={`badge ${TONES[status] ?? ''}`}>{children ?? status.replaceAll('_', ' ')}</span>
)
