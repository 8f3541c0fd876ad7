import { type IngestErrorsResponse, RomanError } from '@roman/contracts'
import { errorRow } from '@roman/contracts/schemas'
import { environmentOf } from '@roman/runtime'
import type { ControlContext } from '../context.ts'
import type { Intake } from '../intake.ts'
import { type LogRow, storeLogs } from '../store/logs.ts'

const DAY_MS = 86_400_000

/**
 * Stores a batch of log rows. Bad rows are named and the good ones kept; rows with a key that was seen before are
 * counted as duplicates. What is answered as accepted is committed.
 */
export const ingestErrors = async (
  context: ControlContext,
  intake: Intake,
  rows: unknown[],
): Promise<IngestErrorsResponse> => {
  const config = context.config.current()
  const keptDays = config.retention.logs_days
  const oldest = Date.now() - keptDays * DAY_MS
  const rejected: IngestErrorsResponse['rejected'] = []
  const good: LogRow[] = []
  rows.forEach((row, index) => {
    const parsed = errorRow.safeParse(row)
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!
      rejected.push({ index, error: `${issue.path.join('.') || 'row'}: ${issue.message}` })
      return
    }
    const { occurred_at: occurredAt } = parsed.data
    // Its partition is dropped already, or about to be.
    if (occurredAt !== undefined && Date.parse(occurredAt) < oldest) {
      rejected.push({
        index,
        error: `occurred_at: ${occurredAt} is longer ago than logs are kept (${keptDays} days). Leave it out, or raise retention.logs_days in roman.yaml.`,
      })
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
  const stored = await intake.admit(good.length, () => storeLogs(context.db, good))
  return { accepted: good.length, duplicates: good.length - stored, rejected }
}
