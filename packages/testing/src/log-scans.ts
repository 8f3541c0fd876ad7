import { type Database, openDatabase } from '@roman/db'

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Heap Fetches'?: number
  'Actual Loops'?: number
  Plans?: PlanNode[]
}

/** How a partition of ops.system_logs was read, or would have been. */
export interface LogScan {
  partition: string
  /** As PostgreSQL calls it: 'Index Only Scan'. */
  scan: string
  index: string | null
  /** False where it is in the plan and was never begun. */
  executed: boolean
  heapFetches: number
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
 * How `work` reads the log, as the server itself tells of its statements and of those inside the functions that they call.
 * On a connection of its own, for a superuser.
 */
export const logScans = async (url: string, work: (db: Database) => Promise<unknown>): Promise<LogScan[]> => {
  const db = openDatabase(url, { connectionsMax: 1 })
  const told: string[] = []
  db.pool.on('connect', (client) => client.on('notice', ({ message }) => told.push(message ?? '')))
  try {
    await db.pool.query(AUTO_EXPLAIN)
    await work(db)
  } finally {
    await db.close()
  }
  return told
    .filter((text) => text.includes('plan:'))
    .flatMap((text) => nodes((JSON.parse(text.slice(text.indexOf('{'))) as { Plan: PlanNode }).Plan))
    .filter((node) => node['Relation Name']?.startsWith('system_logs'))
    .map((node) => ({
      partition: node['Relation Name']!,
      scan: node['Node Type'],
      index: node['Index Name'] ?? null,
      executed: node['Actual Loops']! > 0,
      heapFetches: node['Heap Fetches'] ?? 0,
    }))
}

const nodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodes)]
