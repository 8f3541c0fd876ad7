import type { Actor } from '@roman/contracts'
import type { Call } from '@roman/control'

/** The part of a body that says on whose behalf a caller acts. */
interface OnBehalfOf {
  initiated_by?: string | undefined
  discord?: { id: string; name: string } | undefined
  ci?: { identity: string; name?: string | undefined } | undefined
}

/**
 * Who acts is who was authenticated: whoever holds the service key. It alone may speak for others, so `initiated_by`
 * is taken over here (the use-case checks that the user exists), and a Discord member or an identity of CI is recorded by
 * id and name; which user that is the use-cases look up.
 */
const actorOf = ({ discord, ci, initiated_by }: OnBehalfOf): Actor => {
  if (discord) return { kind: 'discord', user_id: null, discord_id: discord.id, name: discord.name }
  if (ci) return { kind: 'ci', user_id: null, ci_identity: ci.identity, ...(ci.name && { name: ci.name }) }
  return { kind: 'service_key', user_id: initiated_by ?? null }
}

export const callOf = (body: OnBehalfOf, headers: { 'idempotency-key'?: string | undefined }): Call => ({
  actor: actorOf(body),
  idempotency_key: headers['idempotency-key'] ?? null,
})
