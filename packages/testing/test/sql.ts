import pg from 'pg'

type Row = Record<string, unknown>

/** Runs statements on a connection of its own and answers the rows of each; `as` is the role they run as. */
export const runAll = async (url: string, sql: string, as?: string): Promise<Row[][]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    if (as !== undefined) await client.query(`SET ROLE ${as}`)
    return [await client.query(sql)].flat().map(({ rows }) => rows)
  } finally {
    await client.end()
  }
}

/** The rows of the only statement, or of the last. */
export const query = async (url: string, sql: string, as?: string): Promise<Row[]> =>
  (await runAll(url, sql, as)).at(-1)!

/** One deployment, live unless `more` says otherwise. */
export const insertDeployment = (id: string, more: Readonly<Record<string, string>> = {}): string => {
  const columns: Record<string, string> = {
    deployment_id: `'${id}'`,
    service: `'storefront'`,
    environment: `'production'`,
    version: `'v2.5.2'`,
    git_commit: `'a7f3b29'`,
    git_branch: `'main'`,
    status: `'in_progress'`,
    fence: '1',
    policy: `'{}'`,
    ...more,
  }
  return `INSERT INTO ops.deployments (${Object.keys(columns)}) VALUES (${Object.values(columns)});`
}
