import {
  type ActorView,
  type AddActorRequest,
  type ListActorsResponse,
  type RemoveActorRequest,
  type RemoveActorResponse,
  RomanError,
} from '@roman/contracts'
import type { Prisma } from '@roman/db'
import type { ControlContext } from '../context.ts'
import type { Call } from '../port.ts'
import { audit, json } from '../store/audit.ts'
import { requireUser } from '../store/deployments.ts'

const LISTED_MAX = 1_000

const viewOf = (row: Prisma.actorsGetPayload<object>): ActorView => ({
  kind: row.kind as ActorView['kind'],
  identity: row.identity,
  user_id: row.user_id,
  name: row.name,
  added_at: row.added_at.toISOString(),
})

/** Says who somebody is. What is said already is the same; who is another user already must be removed first. */
export const addActor = (
  context: ControlContext,
  input: AddActorRequest,
  call: Call,
): Promise<{ created: boolean; body: ActorView }> =>
  context.db.transaction(async (tx) => {
    await requireUser(tx, 'initiated_by', call.actor.user_id)
    await requireUser(tx, 'user_id', input.user_id)
    const { kind, identity, user_id } = input
    const [created] = await tx.actors.createManyAndReturn({
      data: [{ kind, identity, user_id, name: input.name ?? null, added_by: json(call.actor) }],
      skipDuplicates: true,
    })
    if (created === undefined) {
      const existing = await tx.actors.findUniqueOrThrow({ where: { kind_identity: { kind, identity } } })
      if (existing.user_id === user_id) return { created: false, body: viewOf(existing) }
      throw new RomanError(
        'actor_conflict',
        `${kind} ${identity} is user ${existing.user_id} already. Remove that first: "roman actors remove ${kind} ${identity}".`,
        { user_id: existing.user_id },
      )
    }
    await audit(tx, {
      event_type: 'actor_added',
      severity: 'warning',
      source: 'control',
      description: `${kind} ${identity} acts as user ${user_id} from now on`,
      deployment_id: null,
      actor: call.actor,
      metadata: { kind, identity, user_id },
    })
    return { created: true, body: viewOf(created) }
  })

/** What was done in somebody's name stays so. */
export const removeActor = (
  context: ControlContext,
  { kind, identity }: RemoveActorRequest,
  call: Call,
): Promise<RemoveActorResponse> =>
  context.db.transaction(async (tx) => {
    await requireUser(tx, 'initiated_by', call.actor.user_id)
    const { count } = await tx.actors.deleteMany({ where: { kind, identity } })
    if (count > 0) {
      await audit(tx, {
        event_type: 'actor_removed',
        severity: 'warning',
        source: 'control',
        description: `${kind} ${identity} acts as no user any more`,
        deployment_id: null,
        actor: call.actor,
        metadata: { kind, identity },
      })
    }
    return { success: true, removed: count }
  })

export const listActors = async (context: ControlContext): Promise<ListActorsResponse> => {
  const rows = await context.db.prisma.actors.findMany({
    orderBy: [{ kind: 'asc' }, { identity: 'asc' }],
    take: LISTED_MAX,
  })
  return { actors: rows.map(viewOf) }
}
