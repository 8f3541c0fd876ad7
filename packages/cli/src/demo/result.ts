import type { TrafficCounts } from '@roman/example-storefront/traffic'
import type { Rollback } from '@roman/sdk'

/** What `--json` prints as its last line. Null: it did not come to that. */
export interface DemoResult {
  ok: boolean
  rolled_back_from: string | null
  rolled_back_to: string | null
  event_id: string | null
  workflow_id: string | null
  fault_to_detected_ms: number | null
  detected_to_live_ms: number | null
  live_to_verified_ms: number | null
  requests_total: number | null
  requests_lost_to_switch: number | null
  error?: string
}

export function resultOf(rollback: Rollback | null, counts: TrafficCounts | null, error: string | null): DemoResult {
  const segments = rollback?.segments
  return {
    ok: error === null && rollback?.status === 'success',
    rolled_back_from: rollback?.version ?? null,
    rolled_back_to: rollback?.target_deployment?.version ?? null,
    event_id: rollback?.event_id ?? null,
    workflow_id: rollback?.workflow_id ?? null,
    fault_to_detected_ms: segments?.fault_to_detected_ms ?? null,
    detected_to_live_ms: segments?.detected_to_live_ms ?? null,
    live_to_verified_ms: segments?.live_to_verified_ms ?? null,
    requests_total: counts?.total ?? null,
    requests_lost_to_switch: counts?.lost ?? null,
    ...(error !== null && { error }),
  }
}
