import type { Client } from './chain-store.ts'

/** The tables of which row-level security may hide rows from whoever asks: it is active, and no policy shows all of them. */
const HIDDEN = `
  SELECT current_user AS role, EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = 'authenticated' AND pg_has_role(r.oid, 'MEMBER')) AS member,
    string_agg('ops.' || c.relname, ' and ' ORDER BY c.relname DESC) AS tables
  FROM pg_catalog.pg_class c
  WHERE c.oid IN ('ops.roman_events'::regclass, 'ops.audit_seals'::regclass) AND row_security_active(c.oid)
    AND NOT coalesce((
      SELECT bool_and(p.polpermissive) AND bool_or(pg_get_expr(p.polqual, p.polrelid) = 'true')
      FROM pg_catalog.pg_policy p
      WHERE p.polrelid = c.oid AND p.polcmd IN ('r', '*')
        AND EXISTS (SELECT FROM unnest(p.polroles) AS role (oid) WHERE role.oid = 0 OR pg_has_role(role.oid, 'USAGE'))
    ), false)
  GROUP BY 1`

/** Rows of the trail may be hidden from this role. */
export class HiddenRowsError extends Error {}

/**
 * An empty chain is a valid one, so that who sees nothing would find everything in order.
 * @throws HiddenRowsError where rows of the trail may be hidden, with the way out.
 */
export const requireSight = async (client: Client): Promise<void> => {
  const { rows } = await client.query(HIDDEN)
  const [hidden] = rows
  if (hidden === undefined) return
  const { role, tables, member } = hidden
  const wayOut = member
    ? 'It is a member of authenticated: let it inherit (WITH INHERIT TRUE), and drop restrictive policies from these tables.'
    : `As a superuser: GRANT authenticated TO "${role}".`
  throw new HiddenRowsError(
    `Row-level security may hide rows of ${tables} from role "${role}", so nothing can be said of the trail. ${wayOut}`,
  )
}
