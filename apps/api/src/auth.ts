import { createHash, timingSafeEqual } from 'node:crypto'
import { RomanError } from '@roman/contracts'
import type { FastifyRequest } from 'fastify'

const digest = (value: string): Buffer => createHash('sha256').update(value).digest()

/**
 * A hook that lets only the service key pass. Both sides are hashed first, so that the comparison takes the same time
 * whatever the length and content of what was sent.
 */
export function requireServiceKey(serviceKey: string) {
  if (serviceKey.length === 0) throw new Error('The API needs a service key: an empty one would let everybody in.')
  const expected = digest(serviceKey)
  return async (request: FastifyRequest): Promise<void> => {
    const sent = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (sent === undefined) {
      throw new RomanError('unauthorized', 'No key was sent. Send the header "Authorization: Bearer <service key>".')
    }
    if (!timingSafeEqual(digest(sent), expected)) {
      throw new RomanError(
        'unauthorized',
        'The key is not valid here. Check it against the service key of this server.',
      )
    }
  }
}
