import type { Health } from '@roman/sdk'
import { Sparkline } from './sparkline.tsx'
import { number, share, UNKNOWN } from './words.ts'

/** The numbers of the last second; what no source supplies is a dash. */
export function HealthNumbers({ health }: { health: Health | null }) {
  if (health === null) return <p className="quiet health">Health is not measured.</p>
  const numbers = [
    { label: 'errors/min', value: number(health.error_rate_per_minute) },
    { label: 'errors in 5 min', value: number(health.recent_errors, 0) },
    { label: 'connections', value: connections(health) },
    { label: 'queries', value: number(health.active_queries, 0) },
    ...(health.p95_response_ms === null ? [] : [{ label: 'P95', value: `${number(health.p95_response_ms, 0)} ms` }]),
    ...(health.memory_percent === null ? [] : [{ label: 'memory', value: `${number(health.memory_percent, 0)} %` }]),
  ]
  return (
    <div className="health">
      <div className="pulse">
        <span className={`verdict ${health.healthy ? 'good' : 'bad'}`}>{health.healthy ? 'Healthy' : 'Unhealthy'}</span>
        <Sparkline value={health.error_rate_per_minute} at={health.timestamp} />
      </div>
      <dl>
        {numbers.map(({ label, value }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {health.unavailable.length > 0 && <p className="warning">Cannot be read: {health.unavailable.join(', ')}</p>}
      {health.warnings.map((warning) => (
        <p key={warning} className="warning">
          {warning}
        </p>
      ))}
    </div>
  )
}

function connections({ database_connections: count, database_connection_utilization: used }: Health): string {
  if (count === null) return UNKNOWN
  return used === null ? number(count, 0) : `${number(count, 0)} · ${share(used)}`
}
