import { createControl, openControl } from '@roman/control'
import { createLogger, fixedRomanConfig, loadEnv, parseRomanConfig } from '@roman/runtime'
import { type Benchmark, median, round } from './report.ts'
import type { Servers } from './servers.ts'

const FEW = 1_000
const MANY = 1_000_000
const WARM_UP = 20
const RUNS = 200
const RATIO_MAX = 2

/**
 * `history_at_scale`: a page of the rollback history, as `GET /auto-rollback/history` reads it, over a million rollbacks and
 * over a thousand. Medians of interleaved calls. Each of: the first page, a page of a service, of an environment and of
 * both, and a page far back (the middle of the history), of the ten rows that the route answers by default.
 * `ratio` is the worst of them.
 */
export const historyAtScale: Benchmark = async (servers, say) => {
  const [few, many] = [await installed(servers, FEW), await installed(servers, MANY)]
  try {
    const pages: Record<string, { few_ms: number; many_ms: number; ratio: number }> = {}
    for (const [name, query] of Object.entries(QUERIES)) {
      const times: [number[], number[]] = [[], []]
      for (let run = -WARM_UP; run < RUNS; run += 1) {
        for (const [index, { control, middle }] of [few, many].entries()) {
          const before = name === 'far_back' ? { before: middle } : {}
          const startedAt = performance.now()
          await control.history({ limit: 10, ...query, ...before })
          if (run >= 0) times[index]!.push(performance.now() - startedAt)
        }
      }
      const [few_ms, many_ms] = [round(median(times[0]), 2), round(median(times[1]), 2)]
      pages[name] = { few_ms, many_ms, ratio: round(many_ms / few_ms, 2) }
      say(`${name}: ${many_ms} ms over many, ${few_ms} ms over few: ratio ${pages[name].ratio}`)
    }
    const ratio = Math.max(...Object.values(pages).map((page) => page.ratio))
    return {
      ratio,
      pages,
      rows: { few: FEW, many: MANY },
      aim: `ratio <= ${RATIO_MAX}`,
      met: ratio <= RATIO_MAX,
      runs: RUNS,
    }
  } finally {
    await few.close()
    await many.close()
  }
}

const SERVICE = { service: 'service-7' }
const ENVIRONMENT = { environment: 'staging' }
const QUERIES = {
  newest: {},
  far_back: {},
  of_service: SERVICE,
  of_environment: ENVIRONMENT,
  of_both: { ...SERVICE, ...ENVIRONMENT },
}

const CONFIG = '{"services":{"shop":{"environments":{"production":{"deployer":{"type":"command","argv":["true"]}}}}}}'

const installed = async (servers: Servers, count: number) => {
  const env = loadEnv({ DATABASE_URL: await servers.createDatabase(), TEMPORAL_ADDRESS: servers.temporalAddress })
  const opened = await openControl(
    env,
    fixedRomanConfig(parseRomanConfig(CONFIG, 'roman.yaml')),
    createLogger('bench', 'silent'),
    { name: 'bench', needsTemporal: false },
  )
  const client = await opened.context.db.pool.connect()
  try {
    // Nobody is to be told of each of a million: triggers rest while they are put in.
    await client.query('SET session_replication_role = replica; SET statement_timeout = 0')
    await client.query({
      text: `INSERT INTO ops.rollback_events
         (event_id, deployment_id, trigger_type, trigger_reason, initiated_at, status, rollback_plan, rollback_steps,
          constitutional_validation, completed_at, metadata, service, environment, phase)
       SELECT gen_random_uuid(), NULL, 'automatic', 'High error rate: 8.5 errors/minute', at,
         CASE WHEN i % 5 = 0 THEN 'failed' ELSE 'success' END, '{"target": {"version": "v1"}}',
         ARRAY['{"step": "validate_rollback", "status": "completed", "detail": "Approved: every law holds"}'::jsonb],
         '{"compliant": true, "violations": [], "warnings": []}', at + interval '1 minute', '{}',
         'service-' || (i % 50), CASE WHEN i % 7 = 0 THEN 'staging' ELSE 'production' END, 'ended'
       FROM generate_series(1, $1::int) i, LATERAL (SELECT now() - i * interval '1 minute') t (at)`,
      values: [count],
      query_timeout: 600_000,
    } as never)
    await client.query({ text: 'VACUUM ANALYZE ops.rollback_events', query_timeout: 600_000 } as never)
  } finally {
    client.release(true)
  }
  const { rows } = await opened.context.db.pool.query<{ event_id: string }>(
    'SELECT event_id FROM ops.rollback_events ORDER BY id OFFSET $1 LIMIT 1',
    [count / 2],
  )
  return { control: createControl(opened.context), middle: rows[0]!.event_id, close: () => opened.close() }
}
