import type { Guard } from '@roman/sdk'
import { rollbackPath } from './route.ts'
import { clock, spaced } from './words.ts'

const ASKED = {
  rollback: 'A rollback waits for a decision',
  late_breach: 'A late breach waits for a decision',
  verify: 'Somebody must say whether this deployment is good',
}

const ONE_DAY_MS = 86_400_000

/** What waits for people. Deciding is Discord's and the command line's. */
export const Decision = ({
  decision,
  onOpen,
}: {
  decision: NonNullable<Guard['decision']>
  onOpen: (eventId: string) => void
}) => {
  const { kind, reason, violations, expires_at, event_id, warning } = decision
  return (
    <div className="decision" role="status">
      <strong>{ASKED[kind]}</strong>{' '}
      {Date.parse(expires_at) - Date.now() < ONE_DAY_MS && <span className="quiet">until {clock(expires_at)}</span>}
      <p>{reason}</p>
      {violations.length > 0 && <p>Violated: {violations.map(spaced).join(', ')}</p>}
      {warning && <p>{warning}</p>}
      {event_id !== null && (
        <a
          href={rollbackPath(event_id)}
          onClick={(event) => {
            event.preventDefault()
            onOpen(event_id)
          }}
        >
          See the refused rollback
        </a>
      )}
    </div>
  )
}
