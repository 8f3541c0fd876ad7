import pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { testDatabase } from '../src/index.ts'

/** Column by column, as SQL. */
type Row = Readonly<Record<string, string>>

const ID = 'gen_random_uuid()'
const HASH = `sha256('')`

/** A row of each table that is legal with nothing but what it must have. */
const LEGAL: Readonly<Record<string, Row>> = {
  actors: { kind: `'ci'`, identity: `'i'`, user_id: ID, added_by: `'{}'` },
  announcements: { announcement_id: ID, kind: `'rollback'`, dedupe_key: `'k'`, service: `'s'`, environment: `'e'` },
  api_tokens: { token_id: ID, name: `'ci'`, token_hash: HASH, scopes: `'{record}'`, created_by: `'{}'` },
  audit_seals: {
    seal_number: '1',
    event_ids: `'{1}'`,
    content_hashes: HASH,
    settled_id: '1',
    through_id: '1',
    total_events: '1',
    previous_hash: HASH,
    chain_hash: HASH,
    sealed_at: 'now()',
  },
  decisions: { decision_id: ID, deployment_id: ID, kind: `'verify'`, reason: `'r'`, expires_at: 'now()' },
  deployments: {
    deployment_id: ID,
    service: `'s'`,
    environment: `'e'`,
    version: `'v'`,
    git_commit: `'c'`,
    git_branch: `'b'`,
    status: `'pending'`,
    fence: '1',
    policy: `'{}'`,
  },
  freezes: { freeze_id: ID, reason: `'r'`, frozen_by: `'{}'` },
  guard_verdicts: { deployment_id: ID, phase: `'window'`, verdict: `'breach'`, reason: `'r'` },
  guards: { deployment_id: ID, workflow_id: `'w'` },
  health_samples: { deployment_id: ID, sampled_at: 'now()', phase: `'window'`, state: `'healthy'`, reason: `'r'` },
  live: { service: `'s'`, environment: `'e'` },
  migration_history: { migration_name: `'m'`, migration_hash: `'h'` },
  outbox: { kind: `'guard'`, key: `'k'`, payload: `'{}'` },
  quarantine: { service: `'s'`, environment: `'e'`, git_commit: `'c'`, status: `'hold'`, event_id: ID },
  rollback_events: {
    event_id: ID,
    trigger_type: `'manual'`,
    trigger_reason: `'r'`,
    status: `'pending'`,
    service: `'s'`,
    environment: `'e'`,
  },
  rollback_labels: { deployment_id: ID, label: `'right'`, labelled_by: `'{}'` },
  roman_events: { event_type: `'a'`, severity: `'info'`, source: `'s'`, description: `'d'` },
  schema_descriptions: { schema_hash: `repeat('a', 64)`, object_count: '0' },
  system_logs: { service: `'s'`, environment: `'e'`, severity: `'info'`, message: `'m'` },
  system_snapshots: { snapshot_id: ID, snapshot_type: `'pre_rollback'` },
}

const NONE = `'none'`
const negative = (...columns: string[]): Row[] => columns.map((column) => ({ [column]: '-1' }))
const empty = (...columns: string[]): Row[] => columns.map((column) => ({ [column]: `''` }))

/** Of each CHECK, what makes a legal row illegal: one for each thing that it says. */
const ILLEGAL: Readonly<Record<string, readonly Row[]>> = {
  actors_identity_check: empty('identity'),
  actors_kind_check: [{ kind: NONE }],
  announcements_kind_check: [{ kind: NONE }],
  api_tokens_name_check: empty('name'),
  api_tokens_scopes_check: [{ scopes: `'{}'` }, { scopes: `'{record,NULL}'` }],
  api_tokens_token_hash_check: [{ token_hash: `'\\x00'` }],
  audit_seals_events_check: [
    { event_ids: `'{{1},{2}}'`, content_hashes: `${HASH} || ${HASH}` },
    { event_ids: `'{NULL}'` },
  ],
  audit_seals_hashes_check: [{ content_hashes: `''` }, { previous_hash: `''` }, { chain_hash: `''` }],
  audit_seals_numbers_check: [
    { seal_number: '0' },
    { seal_number: '9007199254740992' },
    { settled_id: '-1' },
    { settled_id: '2' },
    { through_id: '9007199254740992' },
    { total_events: '-1' },
    { total_events: '9007199254740992' },
    { sealed_at: `'infinity'` },
    { sealed_at: `'-infinity'` },
  ],
  decisions_decided_check: [{ status: `'approved'` }, { decided_at: 'now()' }],
  decisions_kind_check: [{ kind: NONE }],
  decisions_status_check: [{ status: NONE, decided_at: 'now()' }],
  deployments_names_check: empty('service', 'environment', 'version', 'git_commit'),
  deployments_numbers_check: [...negative('fence', 'entropy'), { entropy: '1.01' }],
  deployments_status_check: [{ status: NONE }],
  freezes_unfrozen_check: [{ unfrozen_at: 'now()' }, { unfrozen_by: `'{}'` }],
  guard_verdicts_phase_check: [{ phase: NONE }],
  guard_verdicts_trigger_type_check: [{ trigger_type: `'manual'` }],
  guard_verdicts_verdict_check: [{ verdict: NONE }],
  guards_ended_check: [{ phase: `'ended'` }, { ended_at: 'now()' }],
  guards_phase_check: [{ phase: NONE }],
  guards_verdict_check: [{ verdict: `'ended'` }],
  health_samples_numbers_check: [
    ...negative(
      'error_rate_per_minute',
      'recent_errors',
      'database_connections',
      'max_database_connections',
      'active_queries',
      'p95_response_ms',
      'memory_percent',
      'entropy',
    ),
    { entropy: '1.01' },
  ],
  health_samples_phase_check: [{ phase: NONE }],
  health_samples_state_check: [{ state: NONE }],
  live_fences_check: [...negative('fence'), { fence: '2', last_fence: '1' }],
  migration_history_numbers_check: negative('execution_time_ms'),
  migration_history_place_check: [{ service: `'s'` }, { environment: `'e'` }],
  outbox_attempts_check: negative('attempts'),
  outbox_kind_check: [{ kind: NONE }],
  quarantine_released_check: [{ status: `'released'` }, { released_at: 'now()' }],
  quarantine_status_check: [{ status: NONE }],
  rollback_events_fence_check: negative('fence'),
  rollback_events_moments_check: [{ moments: `'[]'` }],
  rollback_events_phase_check: [{ phase: NONE }],
  rollback_events_status_check: [{ status: NONE }],
  rollback_events_trigger_type_check: [{ trigger_type: NONE }],
  rollback_labels_label_check: [{ label: NONE }],
  roman_events_metadata_check: [{ metadata: `'[]'` }],
  roman_events_severity_check: [{ severity: NONE }],
  schema_descriptions_count_check: negative('object_count'),
  schema_descriptions_hash_check: [{ schema_hash: `repeat('A', 64)` }, { schema_hash: `repeat('a', 63)` }],
  system_logs_severity_check: [{ severity: NONE }],
  system_snapshots_type_check: [{ snapshot_type: NONE }],
}

describe('every CHECK', async () => {
  const client = new pg.Client({ connectionString: (await testDatabase()).url })
  await client.connect()
  afterAll(() => client.end())
  const { rows: checks } = await client.query<{ name: string; table: string; valid: boolean }>(`
    SELECT c.conname AS name, t.relname AS table, c.convalidated AS valid
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
    WHERE c.contype = 'c' AND c.connamespace = 'ops'::regnamespace AND c.coninhcount = 0 ORDER BY 1`)
  // Neither keys nor triggers: what refuses is the CHECK alone.
  await client.query(`SET session_replication_role = 'replica'`)
  const insert = async (table: string, row: Row): Promise<string | undefined> => {
    await client.query('BEGIN')
    const refused = await client
      .query(`INSERT INTO ops.${table} (${Object.keys(row)}) VALUES (${Object.values(row)})`)
      .then(
        () => undefined,
        (error: pg.DatabaseError) => error.constraint ?? error.message,
      )
    await client.query('ROLLBACK')
    return refused
  }

  it('has its cases here, and holds for all rows that are there', () => {
    expect(Object.keys(ILLEGAL)).toEqual(checks.map(({ name }) => name))
    expect(checks.filter(({ valid }) => !valid)).toEqual([])
  })

  it.each(checks)('$name refuses what it says, and nothing else does', async ({ name, table }) => {
    expect(await insert(table, LEGAL[table]!)).toBeUndefined()
    for (const change of ILLEGAL[name] ?? [])
      expect([change, await insert(table, { ...LEGAL[table], ...change })]).toEqual([change, name])
  })
})
