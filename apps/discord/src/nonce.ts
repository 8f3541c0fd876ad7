import { createHash } from 'node:crypto'

/** Discord takes 25 characters at most; the same parts always give the same nonce. */
export const nonceOf = (...parts: string[]): string =>
  createHash('sha256').update(parts.join('\u0000')).digest('base64url').slice(0, 25)
