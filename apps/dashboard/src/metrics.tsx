import type { Summary } from '@roman/sdk'
import { duration, number, share, UNKNOWN } from './words.ts'

const METRICS: { label: string; note: string; value: (summary: Summary) => string }[] = [
  { label: 'Active deployments', note: 'live now', value: (s) => number(s.active_deployments) },
  { label: 'Recent rollbacks', note: 'last 24 hours', value: (s) => number(s.recent_rollbacks) },
  { label: 'Rollback success rate', note: 'last 30 days', value: (s) => share(s.rollback_success_rate) },
  { label: 'Average rollback time', note: 'request to verified', value: (s) => duration(s.average_rollback_ms) },
  { label: 'Constitutional approval rate', note: 'last 30 days', value: (s) => share(s.constitutional_approval_rate) },
]

export const Metrics = ({ summary }: { summary: Summary | undefined }) => (
  <section aria-label="Metrics">
    <dl className="metrics">
      {METRICS.map(({ label, note, value }) => (
        <div key={label}>
          <dt>
            {label} <small>({note})</small>
          </dt>
          <dd>{summary ? value(summary) : UNKNOWN}</dd>
        </div>
      ))}
    </dl>
  </section>
)
