import { LiveList } from './live-list.tsx'
import { Mark } from './mark.tsx'
import { Metrics } from './metrics.tsx'
import { useLiveDeployments, useRollbacks, useSummary } from './queries.ts'
import { RollbackDialog } from './rollback-dialog.tsx'
import { RollbackList } from './rollback-list.tsx'
import { useOpenRollback } from './route.ts'
import { Away } from './states.tsx'

export function Overview({ onSignOut }: { onSignOut: () => void }) {
  const summary = useSummary()
  const live = useLiveDeployments()
  const rollbacks = useRollbacks()
  const [eventId, open] = useOpenRollback()
  return (
    <>
      <header className="top">
        <h1>
          <Mark /> R.O.M.A.N. Rollback
        </h1>
        <a href="/docs/">API</a>
        <button type="button" className="plain" onClick={onSignOut}>
          Sign out
        </button>
      </header>
      <main>
        <Away queries={[live, summary, rollbacks]} />
        <Metrics summary={summary.data} />
        <LiveList query={live} onOpen={open} />
        <RollbackList query={rollbacks} onOpen={open} />
      </main>
      {eventId !== null && <RollbackDialog key={eventId} eventId={eventId} onClose={() => open(null)} />}
    </>
  )
}
