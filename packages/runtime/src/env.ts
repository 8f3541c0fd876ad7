import { hostname } from 'node:os'
import path from 'node:path'
import { z } from 'zod'

/** The only place that reads the environment. Every process of the product starts from this. */
const port = z.coerce.number().int().min(0).max(65_535)
const milliseconds = z.coerce.number().int().positive()

const environment = z.object({
  DATABASE_URL: z.string().min(1).default('postgresql://postgres@127.0.0.1:5432/postgres'),
  TEMPORAL_ADDRESS: z.string().min(1).default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  TEMPORAL_API_KEY: z.string().min(1).optional(),
  TEMPORAL_TLS: z.stringbool().optional(),
  ROMAN_CONFIG: z.string().min(1).default('roman.yaml'),
  ROMAN_STATE_DIR: z.string().min(1).default('.roman/state'),
  ROMAN_KEY: z.string().min(1).optional(),
  ROMAN_URL: z.url().default('http://127.0.0.1:8080'),
  ROMAN_API_HOST: z.string().min(1).default('127.0.0.1'),
  ROMAN_API_PORT: port.default(8080),
  ROMAN_HEALTH_PORT: port.optional(),
  ROMAN_BODY_LIMIT_BYTES: z.coerce.number().int().positive().default(1_048_576),
  ROMAN_TASK_QUEUE_PREFIX: z
    .string()
    .regex(/^[a-z0-9-]*$/i)
    .default(''),
  ROMAN_STARTUP_TIMEOUT_MS: milliseconds.default(120_000),
  ROMAN_HEARTBEAT_MS: milliseconds.default(10_000),
  ROMAN_RECONCILE_MS: milliseconds.default(30_000),
  DISCORD_TOKEN: z.string().min(1).optional(),
  DISCORD_API_URL: z.url().optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
})

export interface RuntimeEnv {
  database_url: string
  temporal: { address: string; namespace: string; api_key: string | undefined; tls: boolean }
  config_file: string
  /** Where detached deploys keep their claims and output. */
  state_dir: string
  service_key: string | undefined
  roman_url: string
  api: { host: string; port: number; body_limit_bytes: number }
  /** Where a process that serves nothing else answers /healthz; null: nowhere. */
  health: { host: string; port: number } | null
  task_queue_prefix: string
  startup_timeout_ms: number
  heartbeat_ms: number
  reconcile_ms: number
  discord: { token: string | undefined; api_url: string | undefined }
  log_level: string
  identity: string
  /** For values that roman.yaml names by their variable, such as `token_env`. */
  secret(name: string): string | undefined
  /** The environment as given, for deployers that pass a few harmless names of it on. */
  variables: Readonly<Record<string, string | undefined>>
}

/** Throws an error that names each wrong variable. */
export const loadEnv = (source: Record<string, string | undefined> = process.env): RuntimeEnv => {
  // An empty variable is an unset one: compose files and CI set them so.
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = environment.safeParse(given)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new Error(`The environment is not usable. Correct ${problems.join('; ')}.`)
  }
  const env = parsed.data
  return {
    database_url: env.DATABASE_URL,
    temporal: {
      address: env.TEMPORAL_ADDRESS,
      namespace: env.TEMPORAL_NAMESPACE,
      api_key: env.TEMPORAL_API_KEY,
      tls: env.TEMPORAL_TLS ?? env.TEMPORAL_API_KEY !== undefined,
    },
    config_file: path.resolve(env.ROMAN_CONFIG),
    state_dir: path.resolve(env.ROMAN_STATE_DIR),
    service_key: env.ROMAN_KEY,
    roman_url: env.ROMAN_URL,
    api: { host: env.ROMAN_API_HOST, port: env.ROMAN_API_PORT, body_limit_bytes: env.ROMAN_BODY_LIMIT_BYTES },
    health: env.ROMAN_HEALTH_PORT === undefined ? null : { host: env.ROMAN_API_HOST, port: env.ROMAN_HEALTH_PORT },
    task_queue_prefix: env.ROMAN_TASK_QUEUE_PREFIX,
    startup_timeout_ms: env.ROMAN_STARTUP_TIMEOUT_MS,
    heartbeat_ms: env.ROMAN_HEARTBEAT_MS,
    reconcile_ms: env.ROMAN_RECONCILE_MS,
    discord: { token: env.DISCORD_TOKEN, api_url: env.DISCORD_API_URL },
    log_level: env.LOG_LEVEL,
    identity: `${hostname()}:${process.pid}`,
    variables: given,
    secret: (name) => (given[name] === '' ? undefined : given[name]),
  }
}
