import { randomUUID } from 'node:crypto'
import { mayFreeze, mayUnfreeze } from '@roman/constitution'
import {
  type FreezeRequest,
  type FreezeResponse,
  type FreezeView,
  type LabelRequest,
  type LabelResponse,
  RomanError,
  type UnfreezeResponse,
} from '@roman/contracts'
import type { Prisma, Tx } from '@roman/db'
import { environmentOf } from '@roman/runtime'
import type { ControlContext } from '../context.ts'
import type { Call } from '../port.ts'
import { audit, json } from '../store/audit.ts'
import { requireUser, resolveDeployment } from '../store/deployments.ts'
import { freezeOf } from '../store/freezes.ts'
import { refusal } from './refusal.ts'

type Place = Pick<FreezeRequest, 'service' | 'environment'>

const asWhere = ({ service, environment }: Place) => ({ service: service ?? null, environment: environment ?? null })

const nameOf = ({ service, environment }: Place): string =>
  `${service ?? 'every service'} in ${environment ?? 'every environment'}`

/** A typo must not leave people thinking that they are safe. */
const mustExist = (context: ControlContext, { service, environment }: Place): void => {
  const config = context.config.current()
  if (service !== undefined && environment !== undefined) environmentOf(config, service, environment)
  if (service !== undefined && !Object.hasOwn(config.services, service)) {
    throw new RomanError(
      'unknown_service',
      `Service "${service}" is not configured. Configured: ${Object.keys(config.services).join(', ')}.`,
    )
  }
  const known = new Set(Object.values(config.services).flatMap(({ environments }) => Object.keys(environments)))
  if (environment !== undefined && !known.has(environment)) {
    throw new RomanError(
      'unknown_environment',
      `Environment "${environment}" is not configured. Configured: ${[...known].join(', ')}.`,
    )
  }
}

const viewOf = (row: Prisma.freezesGetPayload<object>): FreezeView => ({
  freeze_id: row.freeze_id,
  service: row.service,
  environment: row.environment,
  reason: row.reason,
  frozen_at: row.frozen_at.toISOString(),
})

/** One after the other: the gates judge what stands, and it must stand until their answer is written down. */
const inTurn = (tx: Tx) => tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('ops.freezes'))`

/** The freeze that names exactly this service and environment. */
const standing = (tx: Tx, place: Place) => tx.freezes.findFirst({ where: { ...asWhere(place), unfrozen_at: null } })

/** Stops automatic rollbacks and refuses intents; people can still act. Freezing what is frozen is the same freeze. */
export const freeze = async (
  context: ControlContext,
  input: FreezeRequest,
  call: Call,
): Promise<{ created: boolean; body: FreezeResponse }> => {
  mustExist(context, input)
  return context.db.transaction(async (tx) => {
    await requireUser(tx, 'initiated_by', call.actor.user_id)
    await inTurn(tx)
    const before = await standing(tx, input)
    const frozen = before === null ? null : freezeOf(before)
    const decision = mayFreeze({ where: nameOf(input), frozen, reason: input.reason, authorised: true })
    if (!decision.allowed) {
      if (before === null || decision.code !== 'already_decided') throw refusal(decision)
      return { created: false, body: { ...viewOf(before), warnings: decision.reasons.map(({ message }) => message) } }
    }
    const created = await tx.freezes.create({
      data: { freeze_id: randomUUID(), ...asWhere(input), reason: input.reason, frozen_by: json(call.actor) },
    })
    await audit(tx, {
      event_type: 'frozen',
      severity: 'warning',
      source: 'control',
      description: `${nameOf(input)} is frozen: ${input.reason}`,
      deployment_id: null,
      actor: call.actor,
      metadata: asWhere(input),
    })
    return { created: true, body: { ...viewOf(created), warnings: decision.warnings } }
  })
}

/** Lifts exactly the freeze that names this service and environment. */
export const unfreeze = (context: ControlContext, input: FreezeRequest, call: Call): Promise<UnfreezeResponse> =>
  context.db.transaction(async (tx) => {
    await requireUser(tx, 'initiated_by', call.actor.user_id)
    await inTurn(tx)
    const row = await standing(tx, input)
    const frozen = row === null ? null : freezeOf(row)
    const decision = mayUnfreeze({ where: nameOf(input), frozen, authorised: true })
    if (!decision.allowed) {
      if (row !== null || decision.code !== 'already_decided') throw refusal(decision)
      return { success: true, unfrozen: 0, warnings: [] }
    }
    await tx.freezes.updateMany({
      where: { ...asWhere(input), unfrozen_at: null },
      data: { unfrozen_at: new Date(), unfrozen_by: json(call.actor), unfreeze_reason: input.reason },
    })
    await audit(tx, {
      event_type: 'unfrozen',
      severity: 'warning',
      source: 'control',
      description: `${nameOf(input)} is no longer frozen: ${input.reason}`,
      deployment_id: null,
      actor: call.actor,
      metadata: asWhere(input),
    })
    return { success: true, unfrozen: 1, warnings: decision.warnings }
  })

export const listFreezes = async (context: ControlContext): Promise<FreezeView[]> =>
  (await context.db.prisma.freezes.findMany({ where: { unfrozen_at: null }, orderBy: { id: 'asc' } })).map(viewOf)

/** What a person says of a deployment afterwards; append-only, the newest word counts. */
export const labelDeployment = async (
  context: ControlContext,
  ref: string,
  input: LabelRequest,
  call: Call,
): Promise<LabelResponse> => {
  const deployment = await resolveDeployment(context.db, ref)
  await context.db.transaction(async (tx) => {
    await requireUser(tx, 'initiated_by', call.actor.user_id)
    await tx.rollback_labels.create({
      data: {
        deployment_id: deployment.deployment_id,
        label: input.label,
        reason: input.reason ?? null,
        labelled_by: json(call.actor),
      },
    })
  })
  return { success: true, deployment_id: deployment.deployment_id, label: input.label }
}
