import { FIRST_USER_OID } from './schema-sql.ts'
import type { Session } from './session.ts'

/** Every catalogue that a deparser reads, and which of its rows are no temporary table's: those come and go all the time. */
const READ_BY_DEPARSERS: readonly (readonly [catalogue: string, rows: string])[] = [
  ['pg_class', 'oid IN (SELECT oid FROM relations)'],
  ['pg_attribute', 'attrelid IN (SELECT oid FROM relations)'],
  ['pg_attrdef', 'adrelid IN (SELECT oid FROM relations)'],
  ['pg_index', 'indrelid IN (SELECT oid FROM relations)'],
  ['pg_constraint', 'conrelid IN (SELECT oid FROM relations) OR contypid <> 0'],
  ['pg_trigger', 'tgrelid IN (SELECT oid FROM relations)'],
  ['pg_policy', 'polrelid IN (SELECT oid FROM relations)'],
  ['pg_rewrite', 'ev_class IN (SELECT oid FROM relations)'],
  ['pg_inherits', 'inhrelid IN (SELECT oid FROM relations)'],
  ['pg_type', `oid >= ${FIRST_USER_OID} AND typnamespace IN (SELECT oid FROM spaces)`],
  ['pg_namespace', 'oid IN (SELECT oid FROM spaces)'],
  ['pg_aggregate', `aggfnoid >= ${FIRST_USER_OID}`],
  ['pg_range', 'true'],
  ...['pg_proc', 'pg_enum', 'pg_operator', 'pg_opclass', 'pg_collation', 'pg_extension'].map(
    (catalogue) => [catalogue, `oid >= ${FIRST_USER_OID}`] as const,
  ),
]

/** Whoever changes a row gives it an xmin that no row had before; whoever only deletes leaves fewer. */
const FINGERPRINT = `
WITH relations AS MATERIALIZED (
  SELECT oid FROM pg_class WHERE oid >= ${FIRST_USER_OID} AND relpersistence <> 't' AND relkind <> 't'
), spaces AS MATERIALIZED (
  SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
)
SELECT concat_ws(' ', ${READ_BY_DEPARSERS.map(
  ([catalogue, rows]) =>
    `(SELECT concat(count(*), ':', sum(hashint8extended(xmin::text::bigint, 0))) FROM pg_catalog.${catalogue} WHERE ${rows})`,
).join(', ')}) AS fingerprint`

/** Another one after any change of the structure that was committed in between. A few milliseconds. */
export const readFingerprint = async (session: Session, timeoutMs: number): Promise<string> => {
  const [row] = await session.read<{ fingerprint: string }>(FINGERPRINT, timeoutMs)
  return row!.fingerprint
}
