import { DEPLOYMENT_STATUSES, ROLLBACK_STATUSES } from '@roman/constitution'
import { z } from 'zod'

/** As PostgreSQL takes it: 128 bits, whatever version they say they are. */
export const uuid = z.guid('must be a uuid, such as 3f2a9c1e-7b4d-4e8a-9f60-2d1c5b7a8e93')
export const timestamp = z.iso.datetime({ offset: true })
/** PostgreSQL stores no NUL, neither in text nor in JSON. */
const holdsNul = (value: unknown): boolean =>
  typeof value === 'string'
    ? value.includes('\u0000')
    : typeof value === 'object' && value !== null && Object.entries(value).some((entry) => entry.some(holdsNul))

/** Nor half a character, as a text that was cut ends with: it becomes the replacement character. */
const whole = <T>(value: T): T => {
  if (typeof value === 'string') return value.replaceAll(/\p{Surrogate}/gu, '\ufffd') as T
  if (Array.isArray(value)) return value.map(whole) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map((entry) => entry.map(whole))) as T
}

const storable = <S extends z.ZodType>(schema: S): S =>
  schema.overwrite(whole).refine((value) => !holdsNul(value), 'must not contain a NUL character')

/** Text of any kind, within a bound. */
export const freeText = (max: number) => storable(z.string().min(1).max(max))
/** Text from people, trimmed. */
export const text = (max: number) => storable(z.string().trim().min(1).max(max))

const JSON_MAX_BYTES = 64 * 1024
const bounded = <S extends z.ZodType>(schema: S): S =>
  schema.refine(
    (value) => new TextEncoder().encode(JSON.stringify(value)).length <= JSON_MAX_BYTES,
    `must be no larger than ${JSON_MAX_BYTES} bytes`,
  )
/** JSON from callers. */
export const anyJson = bounded(storable(z.json()))
export const metadata = bounded(storable(z.record(z.string(), z.json())))

const NEWEST_MS = Date.UTC(9999, 11, 31)
/** When something happened, by somebody's clock; from there on in UTC. What PostgreSQL has no date for is refused. */
export const pastTimestamp = timestamp
  .refine((value) => !(Date.parse(value) < 0), 'must not be before 1970; correct the clock that wrote it')
  .overwrite((value) => {
    const ms = Date.parse(value)
    return Number.isNaN(ms) ? value : new Date(Math.min(ms, NEWEST_MS)).toISOString()
  })

/** Wherever a person names a deployment: its uuid, a unique prefix of it (8 characters at least), or its version. */
export const deploymentRef = text(200)
/** Wherever a person names a rollback: its event id, or a unique prefix of it (4 characters at least). */
export const rollbackRef = text(200)
const name = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/, 'letters, digits, ".", "_" and "-", 63 characters at most')
export const serviceName = name.describe('A service in roman.yaml')
export const environmentName = name.describe('An environment of that service in roman.yaml')
/** It ends up in commands, so it is one word that does not begin like an option. */
export const version = z
  .string()
  .regex(
    /^[a-zA-Z0-9][a-zA-Z0-9._+/@:~-]{0,199}$/,
    'letters, digits and . _ + / @ : ~ -, beginning with a letter or digit, 200 characters at most',
  )
export const gitCommit = z
  .string()
  .regex(/^[0-9a-fA-F]{7,64}$/, 'a commit hash: 7 to 64 hexadecimal digits')
  .transform((value) => value.toLowerCase())
export const gitBranch = text(255)
export const idempotencyKey = text(200)

/** Discord member on whose behalf the Discord app acts; recorded, never trusted for rights. */
export const discordActor = z.strictObject({ id: z.string().regex(/^\d{5,25}$/), name: text(200) })

/** Identity of CI on whose behalf a pipeline acts, such as `github:octocat`; recorded, never trusted for rights. */
export const ciActor = z.strictObject({ identity: text(200), name: text(200).optional() })

export const deploymentStatus = z.enum(DEPLOYMENT_STATUSES)
export const rollbackStatus = z.enum(ROLLBACK_STATUSES)
export const triggerType = z.enum(['automatic', 'manual', 'constitutional_violation'])

export const health = z.object({
  healthy: z.boolean(),
  error_rate_per_minute: z.number().nullable(),
  recent_errors: z.number().nullable(),
  database_connections: z.number().nullable(),
  active_queries: z.number().nullable(),
  timestamp: timestamp,
  database_connection_utilization: z.number().nullable(),
  p95_response_ms: z.number().nullable(),
  memory_percent: z.number().nullable(),
  warnings: z.array(z.string()),
  unavailable: z.array(z.string()),
})

export const validation = z.looseObject({
  compliant: z.boolean(),
  violations: z.array(z.string()),
  warnings: z.array(z.string()),
})

export const errorBody = z.object({
  success: z.literal(false),
  error: z.string(),
  code: z.string(),
  details: z.record(z.string(), z.json()).optional(),
})
