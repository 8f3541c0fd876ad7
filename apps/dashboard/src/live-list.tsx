import type { Deployment } from '@roman/sdk'
import type { UseQueryResult } from '@tanstack/react-query'
import { Decision } from './decision.tsx'
import { HealthNumbers } from './health-numbers.tsx'
import { Badge, ListState } from './states.tsx'
import { ago, commit, spaced } from './words.ts'

interface Props {
  query: UseQueryResult<Deployment[]>
  onOpen: (eventId: string) => void
}

export const LiveList = ({ query, onOpen }: Props) => (
  <section aria-labelledby="live">
    <h2 id="live">Live now</h2>
    <ListState
      query={query as UseQueryResult<unknown[]>}
      empty={
        <>
          Nothing is live yet. Record a deployment, and it is watched from that moment: <code>roman deploy record</code>
        </>
      }
    />
    <ul className="live">
      {query.data?.map((deployment) => (
        <LiveDeployment key={deployment.deployment_id} deployment={deployment} onOpen={onOpen} />
      ))}
    </ul>
  </section>
)

function LiveDeployment({ deployment, onOpen }: { deployment: Deployment; onOpen: Props['onOpen'] }) {
  const { service, environment, version, git_commit, git_branch, status, guard, health, unfenced } = deployment
  return (
    <li className="card">
      <div className="what">
        <p className="where">
          {service} <span className="quiet">in {environment}</span>
        </p>
        <p className="version" title={version}>
          {version}
        </p>
        <p className="quiet">
          <code>{commit(git_commit)}</code> on {git_branch} · {ago(deployment.deployed_at)}
        </p>
      </div>
      <div className="state">
        <p>
          <Badge status={status} /> {unfenced && <Badge status="warning">unfenced</Badge>}
        </p>
        <p className="quiet">{guardInWords(deployment)}</p>
        {guard?.reason && <p className="reason">{guard.reason}</p>}
        {isKnownByErrorsOnly(deployment) && (
          <p className="warning">Known-good by its errors alone: a crashed service would look healthy.</p>
        )}
      </div>
      <HealthNumbers health={health} />
      {guard?.decision && <Decision decision={guard.decision} onOpen={onOpen} />}
    </li>
  )
}

function guardInWords({ guard, health_check_passed }: Deployment): string {
  if (guard === null) return health_check_passed ? 'known-good; not guarded now' : 'not guarded'
  if (guard.phase === 'ended') return guard.verdict ? `watch ended: ${spaced(guard.verdict)}` : 'watch ended'
  return `guard is ${spaced(guard.phase)}`
}

function isKnownByErrorsOnly({ health_check_details: details }: Deployment): boolean {
  return typeof details === 'object' && details !== null && 'evidence' in details && details.evidence === 'errors_only'
}
