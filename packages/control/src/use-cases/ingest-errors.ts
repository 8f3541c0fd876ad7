import { type ErrorRow, type IngestErrorsResponse, RomanError } from '@roman/contracts'
import { errorRow } from '@roman/contracts/schemas'
import { environmentOf } from '@roman/runtime'
import type { ControlContext } from '../context.ts'

const INSERT = `
WITH given AS (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS r (
    service text, environment text, severity text, message text, source text, deployment_id uuid, version text,
    occurred_at timestamptz, idempotency_key text, metadata jsonb
  )
)
INSERT INTO ops.system_logs
  (service, environment, severity, message, source, deployment_id, version, occurred_at, idempotency_key, metadata)
SELECT service, environment, severity, message, source, deployment_id, version,
  -- A clock that runs ahead must not put errors where no window looks yet.
  least(coalesce(occurred_at, now()), now()), idempotency_key, metadata
FROM given
ON CONFLICT (service, environment, idempotency_key) DO NOTHING`

/**
 * Stores a batch of log rows. Bad rows are named and the good ones kept; rows with a key that was seen before are
 * counted as duplicates. What is answered as accepted is committed.
 */
export const ingestErrors = async (context: ControlContext, rows: unknown[]): Promise<IngestErrorsResponse> => {
  const config = context.config.current()
  const rejected: IngestErrorsResponse['rejected'] = []
  const good: (ErrorRow & { service: string })[] = []
  rows.forEach((row, index) => {
    const parsed = errorRow.safeParse(row)
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!
      rejected.push({ index, error: `${issue.path.join('.') || 'row'}: ${issue.message}` })
      return
    }
    try {
      const { service } = environmentOf(config, parsed.data.service, parsed.data.environment)
      good.push({ ...parsed.data, service })
    } catch (error) {
      if (!(error instanceof RomanError)) throw error
      rejected.push({ index, error: error.message })
    }
  })
  if (good.length === 0) return { accepted: 0, duplicates: 0, rejected }
  const { rowCount } = await context.db.pool.query({
    name: 'roman-ingest',
    text: INSERT,
    values: [JSON.stringify(good)],
  })
  const stored = rowCount ?? 0
  return { accepted: good.length, duplicates: good.length - stored, rejected }
}
