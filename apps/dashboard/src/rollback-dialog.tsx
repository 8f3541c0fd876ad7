import type { Rollback } from '@roman/sdk'
import { useEffect, useRef } from 'react'
import { Laws } from './laws.tsx'
import { useRollback } from './queries.ts'
import { Segments } from './segments.tsx'
import { Badge } from './states.tsx'
import { clock, spaced, wordsOf } from './words.ts'

export function RollbackDialog({ eventId, onClose }: { eventId: string; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const { data, error } = useRollback(eventId)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} aria-labelledby="rollback-title" onClose={onClose} closedby="any">
      <div className="dialog">
        <form method="dialog">
          <button type="submit" className="plain close" aria-label="Close">
            ×
          </button>
        </form>
        {data ? <Story rollback={data} /> : <h2 id="rollback-title">{error ? 'Not shown' : 'Loading…'}</h2>}
        {error && <p className="away">{wordsOf(error)}</p>}
      </div>
    </dialog>
  )
}

function Story({ rollback }: { rollback: Rollback }) {
  const { version, target_deployment: target, status, phase, progress, detail, steps } = rollback
  return (
    <>
      <h2 id="rollback-title">
        <span>{version ?? 'A deployment'}</span> <span aria-hidden="true">→</span>{' '}
        <span>{target?.version ?? 'no target'}</span>
      </h2>
      <p>
        <Badge status={status} /> {rollback.service} <span className="quiet">in {rollback.environment}</span>
        {status === 'in_progress' && <span className="quiet"> · {spaced(phase)}</span>}
      </p>
      {progress && status === 'in_progress' && (
        <p className="progress">
          <progress max={100} {...(progress.percent !== null && { value: progress.percent })} /> {progress.text}
        </p>
      )}
      <p className="lead">{rollback.trigger_reason}</p>
      {detail !== null && <p>{detail}</p>}

      <h3>Time</h3>
      <Segments segments={rollback.segments} />

      <h3>Steps</h3>
      {steps.length === 0 && <p className="quiet">None yet.</p>}
      <ol className="steps">
        {steps.map((step, index) => (
          // Steps are only ever added.
          // biome-ignore lint/suspicious/noArrayIndexKey: the position is the identity
          <li key={index}>
            <time className="figure quiet" dateTime={step.at}>
              {clock(step.at)}
            </time>
            <Badge status={step.status} />
            <span>
              <strong>{spaced(step.step)}</strong> {step.detail}
            </span>
          </li>
        ))}
      </ol>

      <h3>The laws</h3>
      <Laws validation={rollback.validation} />

      <p className="ids quiet">
        Event <code>{rollback.event_id}</code> · workflow <code>{rollback.workflow_id}</code> ·{' '}
        {spaced(rollback.trigger_type)}, {new Date(rollback.initiated_at).toLocaleString()}
      </p>
    </>
  )
}
