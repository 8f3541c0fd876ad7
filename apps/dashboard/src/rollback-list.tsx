import type { RollbackRow } from '@roman/sdk'
import type { UseQueryResult } from '@tanstack/react-query'
import { rollbackPath } from './route.ts'
import { Badge, ListState } from './states.tsx'
import { ago, duration, spaced } from './words.ts'

interface Props {
  query: UseQueryResult<RollbackRow[]>
  onOpen: (eventId: string) => void
}

export const RollbackList = ({ query, onOpen }: Props) => (
  <section aria-labelledby="rollbacks">
    <h2 id="rollbacks">Recent rollbacks</h2>
    <ListState
      query={query as UseQueryResult<unknown[]>}
      empty="No rollback yet. When one runs, its whole story is here."
    />
    {query.data !== undefined && query.data.length > 0 && (
      <table>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Where</th>
            <th scope="col">Reason</th>
            <th scope="col">Trigger</th>
            <th scope="col">Took</th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          {query.data.map((rollback) => (
            <Row key={rollback.event_id} rollback={rollback} onOpen={onOpen} />
          ))}
        </tbody>
      </table>
    )}
  </section>
)

function Row({ rollback, onOpen }: { rollback: RollbackRow; onOpen: Props['onOpen'] }) {
  const { event_id, status, service, environment, trigger_reason, trigger_type, initiated_at, completed_at } = rollback
  const took = completed_at === null ? null : Date.parse(completed_at) - Date.parse(initiated_at)
  return (
    <tr>
      <td>
        <Badge status={status} />
      </td>
      <td>
        {service} <span className="quiet">in {environment}</span>
      </td>
      <td className="wide">
        <a
          href={rollbackPath(event_id)}
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey) return
            event.preventDefault()
            onOpen(event_id)
          }}
        >
          {trigger_reason}
        </a>
      </td>
      <td className="quiet">{spaced(trigger_type)}</td>
      <td className="figure">{duration(took)}</td>
      <td className="quiet figure">
        <time dateTime={initiated_at} title={new Date(initiated_at).toLocaleString()}>
          {ago(initiated_at)}
        </time>
      </td>
    </tr>
  )
}
