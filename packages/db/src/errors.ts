/** Socket errors, SQLSTATE classes and Prisma codes that mean "PostgreSQL cannot be reached or is not ready". Class 53: out of something. */
const UNAVAILABLE =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|08...|57P0[1-3]|53[1-3]00|55P03|57014|P1001|P1002|P1008|P1017|P2024|P2028)$/

const codesOf = (error: unknown, depth = 0): string[] => {
  if (typeof error !== 'object' || error === null || depth > 5) return []
  const { code, cause, errors, meta, originalCode, kind, message } = error as Record<string, unknown>
  return [
    ...[code, originalCode].filter((value): value is string => typeof value === 'string'),
    ...(kind === 'DatabaseNotReachable' || kind === 'ConnectionClosed' || kind === 'TooManyConnections'
      ? ['P1001']
      : []),
    ...(typeof message === 'string' &&
    /Connection terminated|is not queryable|Query read timeout|timeout exceeded when trying to connect|shutting down|Can't reach database/.test(
      message,
    )
      ? ['P1001']
      : []),
    ...(Array.isArray(errors) ? errors.flatMap((inner) => codesOf(inner, depth + 1)) : []),
    ...codesOf(cause, depth + 1),
    ...codesOf((meta as Record<string, unknown> | undefined)?.driverAdapterError, depth + 1),
  ]
}

/** True where the same call may succeed once PostgreSQL is back. */
export const isDatabaseUnavailable = (error: unknown): boolean => codesOf(error).some((code) => UNAVAILABLE.test(code))

/** True for a breach of a unique index; `index` narrows it to one whose name or column list contains that word. */
export const isUniqueViolation = (error: unknown, index?: string): boolean => {
  const text = JSON.stringify(error, (_key, value) => (typeof value === 'bigint' ? value.toString() : value)) ?? ''
  const message = error instanceof Error ? error.message : ''
  return (
    codesOf(error).some((code) => code === 'P2002' || code === '23505') &&
    (index === undefined || `${text} ${message}`.includes(index))
  )
}

/** True where nothing more can be written: what was being written was undone whole. */
export const isDiskFull = (error: unknown): boolean => codesOf(error).includes('53100')

/** True where the server gave a statement up that took too long. */
export const isStatementTimeout = (error: unknown): boolean => codesOf(error).includes('57014')

/** True where the server refused the connection because it is full. */
export const isDatabaseFull = (error: unknown): boolean => codesOf(error).includes('53300')

/**
 * Why it failed, in one line for people. Prisma first draws the code that asked and says last what was wrong; what could
 * not connect to any of several addresses says nothing itself.
 */
export const reasonOf = (error: unknown): string => {
  const { message, errors, code } = error as { message?: string; errors?: unknown[]; code?: unknown }
  const said = message?.trim().split('\n').at(-1)?.trim()
  if (said) return said
  return errors?.[0] === undefined ? String(code ?? error) : reasonOf(errors[0])
}
