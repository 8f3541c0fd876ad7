/** Roles that configuration names. Empty means nobody. */
export interface Roles {
  approver_role_ids: readonly string[]
  override_role_ids: readonly string[]
}

export type Right = 'approve' | 'override'

export interface Person {
  id: string
  name: string
  role_ids: readonly string[]
}

const WORDS: Record<Right, { does: string; setting: keyof Roles }> = {
  approve: { does: 'approve or reject rollbacks', setting: 'approver_role_ids' },
  override: { does: 'override the constitution', setting: 'override_role_ids' },
}

/** Null where the person may; otherwise what they are told. The roles' mentions ping nobody. */
export const refusal = (person: Person, right: Right, roles: Roles): string | null => {
  const { does, setting } = WORDS[right]
  const ids = roles[setting]
  if (ids.some((id) => person.role_ids.includes(id))) return null
  if (ids.length === 0) {
    return `⛔ Nobody may ${does} from Discord: no role is named in roman.yaml under discord.${setting}. Nothing was done.`
  }
  const named = ids.map((id) => `<@&${id}>`).join(', ')
  return `⛔ You may not ${does}: that takes the role ${named}. Nothing was done.`
}
