import type { Database } from '@roman/db'

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Heap Fetches'?: number
  'Actual Loops'?: number
  Plans?: PlanNode[]
}

const AUTO_EXPLAIN = `
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off;
SET auto_explain.log_format = json;
SET client_min_messages = log;`

/**
 * How ops.deployment_errors reads the log, as the server itself tells of the statement inside the function.
 * @throws Error when it looks at the log by anything but an index-only scan
 */
export const planOf = async (db: Database, ids: readonly string[]) => {
  const client = await db.pool.connect()
  const told: string[] = []
  client.on('notice', ({ message }) => told.push(message ?? ''))
  try {
    await client.query(AUTO_EXPLAIN)
    await client.query('SELECT * FROM ops.deployment_errors($1::uuid[], now(), $2::boolean[])', [
      ids,
      ids.map(() => false),
    ])
  } finally {
    client.release(true)
  }
  const plans = told.flatMap((text) => (text.includes('plan:') ? [JSON.parse(text.slice(text.indexOf('{')))] : []))
  const scans = plans
    .flatMap(({ Plan }: { Plan: PlanNode }) => nodes(Plan))
    .filter((node) => node['Relation Name']?.startsWith('system_logs'))
  const others = scans.filter((node) => node['Node Type'] !== 'Index Only Scan')
  if (scans.length === 0 || others.length > 0) {
    throw new Error(`The log is read by ${others.map((node) => node['Node Type']).join(', ') || 'nothing'}.`)
  }
  const read = scans.filter((node) => node['Actual Loops']! > 0)
  return {
    partitions_read: read.length,
    heap_fetches: read.reduce((sum, node) => sum + (node['Heap Fetches'] ?? 0), 0),
  }
}

const nodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodes)]
