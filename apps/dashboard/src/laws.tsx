import type { Validation } from '@roman/sdk'
import { spaced } from './words.ts'

/** One answer of a law or a precondition, as far as it was recorded. */
interface Finding {
  law?: string
  precondition?: string
  rule?: string
  passed: boolean
  observed?: string
  message?: string
}

const findingsIn = (value: unknown): Finding[] =>
  Array.isArray(value) ? value.filter((item): item is Finding => typeof item?.passed === 'boolean') : []

/** What the constitution said: the plain rule beside each law's name, what was seen, and the answer. */
export function Laws({ validation }: { validation: Validation | null }) {
  if (validation === null) return <p className="quiet">Not judged yet.</p>
  const findings = [...findingsIn(validation.findings), ...findingsIn(validation.preconditions)]
  return (
    <>
      <ul className="laws">
        {findings.map((finding) => {
          const name = finding.law ?? finding.precondition ?? ''
          return (
            <li key={name} className={finding.passed ? 'good' : 'bad'}>
              <span className="answer">{finding.passed ? 'Passed' : 'Violated'}</span>
              <span>
                <strong>{spaced(name)}</strong> {finding.rule}
                <br />
                <span className="quiet">{finding.passed ? finding.observed : finding.message}</span>
              </span>
            </li>
          )
        })}
      </ul>
      {findings.length === 0 && (
        <p>{validation.compliant ? 'All four laws and every precondition passed.' : 'Refused.'}</p>
      )}
      {findings.length === 0 && validation.violations.map((violation) => <p key={violation}>{violation}</p>)}
      {validation.warnings.map((warning) => (
        <p key={warning} className="warning">
          {warning}
        </p>
      ))}
    </>
  )
}
