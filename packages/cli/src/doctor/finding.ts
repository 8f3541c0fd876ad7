/** One thing that was looked at. */
export interface Finding {
  name: string
  /** `missing`: nothing needs it here. `broken`: something that is needed does not work. */
  status: 'ok' | 'missing' | 'warning' | 'broken'
  found: string
  /** What to do; null where there is nothing to do. */
  way_out: string | null
}

export const ok = (name: string, found: string): Finding => ({ name, status: 'ok', found, way_out: null })

export const not = (
  status: 'missing' | 'warning' | 'broken',
  name: string,
  found: string,
  wayOut: string,
): Finding => ({
  name,
  status,
  found,
  way_out: wayOut,
})

export const messageOf = (error: unknown): string => {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || String(error)
}
