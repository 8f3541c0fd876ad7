import { type Logger, pino } from 'pino'

export type { Logger } from 'pino'

/** JSON lines on stdout. What may hold a secret is cut out before it is written. */
export const createLogger = (name: string, level = 'info'): Logger =>
  pino({
    name,
    level,
    redact: {
      paths: [
        'authorization',
        '*.authorization',
        'headers.authorization',
        'req.headers.authorization',
        'token',
        '*.token',
        'service_key',
        '*.service_key',
        'database_url',
        '*.database_url',
        'password',
        '*.password',
      ],
      censor: '[redacted]',
    },
  })

/** A URL fit for a log: without its password. */
export const withoutPassword = (url: string): string => {
  try {
    const parsed = new URL(url)
    if (parsed.password !== '') parsed.password = '***'
    return parsed.href
  } catch {
    return '(not a URL)'
  }
}
