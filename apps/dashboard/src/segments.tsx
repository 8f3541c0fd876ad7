import type { Segments as SegmentsData } from '@roman/sdk'
import { duration } from './words.ts'

const PARTS = [
  ['fault_to_detected_ms', 'Fault to detected'],
  ['detected_to_decided_ms', 'Detected to decided'],
  ['decided_to_dispatched_ms', 'Decided to dispatched'],
  ['dispatched_to_live_ms', 'Dispatched to live'],
  ['live_to_verified_ms', 'Live to verified'],
] as const

/** Where the time went: a bar for each measured stretch, all on one scale. */
export function Segments({ segments }: { segments: SegmentsData }) {
  const longest = Math.max(1, ...PARTS.map(([name]) => segments[name] ?? 0))
  return (
    <table className="segments">
      <tbody>
        {PARTS.map(([name, label]) => {
          const ms = segments[name]
          return (
            <tr key={name}>
              <th scope="row">{label}</th>
              <td className="bar">
                {ms !== null && <span style={{ width: `${Math.max(0.5, (ms / longest) * 100)}%` }} />}
              </td>
              <td className="figure">{duration(ms)}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
