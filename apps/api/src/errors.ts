import type { Socket } from 'node:net'
import { ERRORS, type ErrorCode, isRomanError } from '@roman/contracts'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors, type ZodFastifySchemaValidationError } from 'fastify-type-provider-zod'

/** What a caller is told; the one shape of every error. */
interface ErrorAnswer {
  status: number
  code: ErrorCode
  error: string
  details?: Record<string, unknown> | undefined
}

const RETRY_AFTER_SECONDS = 5

export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const answer = translate(error, request)
  if (answer.code === 'internal_error') request.log.error({ err: error }, 'request failed unexpectedly')
  return sendError(reply, answer)
}

export function answerUnknownRoute(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?')[0]
  return sendError(reply, {
    status: ERRORS.route_not_found.status,
    code: 'route_not_found',
    error: `There is no ${request.method} ${path}. The routes are listed at /docs.`,
  })
}

function sendError(reply: FastifyReply, { status, code, error, details }: ErrorAnswer): FastifyReply {
  if (status === 503 || status === 429)
    reply.header('retry-after', String(details?.retry_after_seconds ?? RETRY_AFTER_SECONDS))
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  // Serialised here: an error must come out as it is, whatever the route's own answers look like.
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer((body: unknown) => body as string)
    .send(JSON.stringify({ success: false, error, code, ...(details && { details }) }))
}

function translate(error: FastifyError, request: FastifyRequest): ErrorAnswer {
  if (isRomanError(error)) {
    return { status: error.status, code: error.code, error: error.message, details: error.details }
  }
  if (hasZodFastifySchemaValidationErrors(error)) return invalidRequest(error, request)
  if (error.statusCode === 413) {
    const limit = request.routeOptions.bodyLimit ?? 0
    return {
      status: 413,
      code: 'payload_too_large',
      error: `The body is larger than ${limit} bytes. Split the batch and send its parts one after another.`,
      details: { limit_bytes: limit },
    }
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return { status: 400, code: 'invalid_request', error: `The request could not be read: ${error.message}.` }
  }
  return {
    status: 500,
    code: 'internal_error',
    error: `The server failed at something it should be able to do. Its log has the cause under request id ${request.id}.`,
    details: { request_id: request.id },
  }
}

const PLACES: Record<string, string> = { body: 'body', querystring: 'query', params: 'path', headers: 'headers' }

/** Names each field by its path; the first few are in the text, all of them in the details. */
function invalidRequest(
  error: { validation: ZodFastifySchemaValidationError[]; validationContext?: string },
  request: FastifyRequest,
): ErrorAnswer {
  const place = PLACES[error.validationContext ?? 'body'] ?? 'body'
  if (place === 'body' && request.body === undefined) {
    return { status: 400, code: 'invalid_request', error: 'The request has no body. Send a JSON object.' }
  }
  // A key that nobody knows comes first: it is mostly why another one is missing.
  const unknownFirst = error.validation.toSorted((a, b) => Number(isUnknownKey(b)) - Number(isUnknownKey(a)))
  const issues = unknownFirst.map(({ instancePath, message = 'is invalid' }) => ({
    in: place,
    path: instancePath.slice(1).replaceAll('/', '.'),
    message: message.replace(/^Invalid input: expected (.+), received undefined$/, 'is missing, expected $1'),
  }))
  const named = issues.slice(0, 3).map(({ path, message }) => `${path || `the ${place}`}: ${message}`)
  if (issues.length > named.length) named.push(`and ${issues.length - named.length} more`)
  return { status: 400, code: 'invalid_request', error: named.join('; '), details: { issues } }
}

const isUnknownKey = ({ keyword }: { keyword: string }): boolean => keyword === 'unrecognized_keys'

/** Requests that never became one: unparsable, too slow, or with headers too large. */
export function answerBrokenConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return
  const [status, text] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', 'The request did not arrive in time. Send it again.']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', 'The headers are too large. Send fewer.']
        : ['400 Bad Request', 'This is not a valid HTTP request.']
  const body = JSON.stringify({ success: false, error: text, code: 'invalid_request' satisfies ErrorCode })
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
