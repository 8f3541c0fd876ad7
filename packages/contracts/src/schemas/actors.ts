import { z } from 'zod'
import { text, timestamp, uuid } from './common.ts'

const DISCORD_ID = /^\d{5,25}$/

/** Who somebody is elsewhere: a member of Discord by id, or an identity of CI, such as `github:octocat`. */
const identity = { kind: z.enum(['discord', 'ci']), identity: text(200) }
const isIdentity = (actor: { kind: 'discord' | 'ci'; identity: string }): boolean =>
  actor.kind !== 'discord' || DISCORD_ID.test(actor.identity)
const notAnId = { path: ['identity'], message: 'a Discord member’s id: digits only' }

/** `POST /v1/actors`: from now on this identity acts as that user. */
export const addActorRequest = z
  .strictObject({ ...identity, user_id: uuid, name: text(200).optional(), initiated_by: uuid.optional() })
  .refine(isIdentity, notAnId)
export type AddActorRequest = z.infer<typeof addActorRequest>

/** `POST /v1/actors/remove`: from now on it acts as nobody. */
export const removeActorRequest = z
  .strictObject({ ...identity, initiated_by: uuid.optional() })
  .refine(isIdentity, notAnId)
export type RemoveActorRequest = z.infer<typeof removeActorRequest>
export const removeActorResponse = z.object({ success: z.literal(true), removed: z.number().int() })
export type RemoveActorResponse = z.infer<typeof removeActorResponse>

/** `GET /v1/actors`. */
export const actorView = z.object({
  kind: z.enum(['discord', 'ci']),
  identity: z.string(),
  user_id: uuid,
  name: z.string().nullable(),
  added_at: timestamp,
})
export type ActorView = z.infer<typeof actorView>
export const listActorsResponse = z.object({ actors: z.array(actorView) })
export type ListActorsResponse = z.infer<typeof listActorsResponse>
