import type { Actor } from '@roman/contracts'

/** Who acted, as people are told of it, from an actor as it is stored; null where nobody is named. */
export const actorName = (actor: unknown): string | null => {
  const { name, user_id, kind } = (actor ?? {}) as Partial<Actor>
  return name ?? user_id ?? (kind === undefined ? null : kind.replace('_', ' '))
}
