import type { Actor } from '@roman/contracts'
import type { Call } from '@roman/control'

/** The part of a body that says on whose behalf a caller acts. */
interface OnBehalfOf {
  initiated_by?: string | undefined
  discord?: { id: string; name: string } | undefined
}

/**
 * Who acts is who was authenticated: whoever holds the service key. It alone may speak for others, so `initiated_by`
 * is taken over here (the use-case checks that the user exists), and a Discord member is recorded by id and name.
 */
const actorOf = (body: OnBehalfOf): Actor =>
  body.discord
    ? { kind: 'discord', user_id: null, discord_id: body.discord.id, name: body.discord.name }
    : { kind: 'service_key', user_id: body.initiated_by ?? null }

export const callOf = (body: OnBehalfOf, headers: { 'idempotency-key'?: string | undefined }): Call => ({
  actor: actorOf(body),
  idempotency_key: headers['idempotency-key'] ?? null,
})
