import { createHash } from 'node:crypto'

/** A uuid that follows from what it is the id of, so that a repeated step or request finds what the first one wrote. */
export const stableId = (...parts: string[]): string => {
  const hex = createHash('sha256').update(parts.join('\n')).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
