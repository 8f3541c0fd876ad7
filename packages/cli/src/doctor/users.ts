import type { Database } from '@roman/db'
import { type Finding, not } from './finding.ts'

/**
 * Who is a user is asked with the rights of the schema's owner. Row-level security that hides auth.users from it is no
 * error to PostgreSQL: nobody would be a user. Nothing where the owner sees them all.
 */
export async function checkUsers({ pool }: Pick<Database, 'pool'>): Promise<Finding[]> {
  const { rows } = await pool.query<{ owner: string }>(`
    SELECT quote_ident(owner.rolname) AS owner
    FROM pg_proc p JOIN pg_roles owner ON owner.oid = p.proowner
    CROSS JOIN pg_class c
    WHERE p.proname = 'is_user' AND p.pronamespace = 'ops'::regnamespace
      AND c.relname = 'users' AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'auth')
      AND c.relrowsecurity AND NOT owner.rolsuper AND NOT owner.rolbypassrls
      AND (c.relforcerowsecurity OR NOT pg_has_role(owner.oid, c.relowner, 'USAGE'))
      AND NOT EXISTS (
        SELECT FROM pg_policy
        WHERE polrelid = c.oid AND polpermissive AND polcmd IN ('r', '*') AND pg_get_expr(polqual, polrelid) = 'true'
          AND EXISTS (SELECT FROM unnest(polroles) AS role WHERE CASE WHEN role = 0 THEN true ELSE pg_has_role(owner.oid, role, 'USAGE') END)
      )`)
  return rows.map(({ owner }) =>
    not(
      'warning',
      'Users',
      `row-level security may hide auth.users from ${owner}, who owns ops: then nobody is a user, and every person is refused as unknown`,
      `As the owner of auth.users: CREATE POLICY roman_reads ON auth.users FOR SELECT TO ${owner} USING (true); or as a superuser: ALTER ROLE ${owner} BYPASSRLS;`,
    ),
  )
}
