/** Thrown when the API answers with an error. `message` says the fact and the way out; `code` is stable. */
export class RomanApiError extends Error {
  override readonly name = 'RomanApiError'
  readonly status: number
  readonly code: string
  readonly details: Record<string, unknown> | undefined
  /** The rollback that the error is about, where there is one. */
  readonly event_id: string | undefined

  constructor(answer: {
    status: number
    code: string
    error: string
    details?: Record<string, unknown> | undefined
    event_id?: string | undefined
  }) {
    super(answer.error)
    this.status = answer.status
    this.code = answer.code
    this.details = answer.details
    this.event_id = answer.event_id
  }
}

/** Thrown when no answer came: nothing listens there, the connection broke, or time ran out. */
export class RomanConnectionError extends Error {
  override readonly name = 'RomanConnectionError'
  readonly url: string

  constructor(url: string, fact: string, options?: { cause?: unknown }) {
    super(`${fact} Check that R.O.M.A.N.'s API runs at ${url}, or set ROMAN_URL to where it does.`, options)
    this.url = url
  }
}

/** Thrown when a rollback was followed for as long as the caller wanted. The rollback itself goes on. */
export class RollbackStillRunningError extends Error {
  override readonly name = 'RollbackStillRunningError'
  readonly event_id: string

  constructor(eventId: string, phase: string | null, waitedMs: number) {
    const where = phase === null ? '' : ` (${phase})`
    super(
      `Rollback ${eventId} is not finished after ${Math.round(waitedMs / 1000)} seconds${where}. It goes on by itself: ask for it again later.`,
    )
    this.event_id = eventId
  }
}

/** The API's error from whatever came as the body of a refusal; a proxy's page becomes a clear error too. */
export function apiErrorOf(url: string, status: number, body: unknown): RomanApiError {
  if (typeof body === 'object' && body !== null && 'error' in body && 'code' in body) {
    const { error, code, details, event_id } = body as Record<string, unknown>
    return new RomanApiError({
      status,
      code: String(code),
      error: String(error),
      ...(typeof details === 'object' && { details: details as Record<string, unknown> }),
      ...(typeof event_id === 'string' && { event_id }),
    })
  }
  return notTheApi(url, status)
}

export const notTheApi = (url: string, status: number): RomanApiError =>
  new RomanApiError({
    status,
    code: 'unexpected_answer',
    error: `${url} answered ${status}, but not as R.O.M.A.N.'s API does. Check that the URL is the API's and that no proxy answers for it.`,
  })
