import type { Actor } from '@roman/contracts'
import type { Database } from '@roman/db'
import type { Call, Control } from './port.ts'

const isCall = (value: unknown): value is Call =>
  typeof value === 'object' && value !== null && 'actor' in value && 'idempotency_key' in value

/** The same actor, as the user it is known to be in ops.actors; unchanged where nobody said so. */
const asKnown = async (db: Pick<Database, 'prisma'>, actor: Actor): Promise<Actor> => {
  const identity = actor.kind === 'discord' ? actor.discord_id : actor.kind === 'ci' ? actor.ci_identity : undefined
  if (identity === undefined || actor.user_id !== null) return actor
  const known = await db.prisma.actors.findUnique({
    where: { kind_identity: { kind: actor.kind, identity } },
    select: { user_id: true },
  })
  return known === null ? actor : { ...actor, user_id: known.user_id }
}

/** Control that is told who acts: whatever the use-case, a Discord member or an identity of CI is the user it is known as. */
export const withKnownActors = (db: Pick<Database, 'prisma'>, control: Control): Control =>
  new Proxy(control, {
    get(target, name: keyof Control) {
      const method = target[name] as (...args: unknown[]) => Promise<unknown>
      return async (...args: unknown[]) =>
        method.apply(
          target,
          await Promise.all(
            args.map(async (arg) => (isCall(arg) ? { ...arg, actor: await asKnown(db, arg.actor) } : arg)),
          ),
        )
    },
  })
