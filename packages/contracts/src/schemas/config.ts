import { z } from 'zod'
import { environmentName, serviceName } from './common.ts'

const seconds = (fallback: number, max = 86_400) => z.number().positive().max(max).default(fallback)
/** A typo like 0.001 must not hammer the service. */
const interval = (fallback: number) => z.number().min(0.1).max(300).default(fallback)
const argv = z.array(z.string()).min(1)

export const commandDeployer = z.strictObject({
  type: z.literal('command'),
  /** Run without a shell; `{version}` and its like are replaced in each argument. Exit 0 is "live". */
  argv,
  cwd: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  timeout_seconds: seconds(600),
  /** Whether a run whose end was lost with its host may simply be run again. */
  idempotent: z.boolean().default(false),
  /** From TERM to KILL when a run is aborted or timed out. */
  grace_seconds: seconds(10, 600),
})

export const githubActionsDeployer = z.strictObject({
  type: z.literal('github-actions'),
  owner: z.string().min(1),
  repo: z.string().min(1),
  workflow: z.string().min(1),
  ref: z.string().min(1).default('main'),
  token_env: z.string().min(1).default('GITHUB_TOKEN'),
  api_url: z.url().default('https://api.github.com'),
  inputs: z.record(z.string(), z.string()).optional(),
  timeout_seconds: seconds(1800),
  poll_seconds: seconds(3, 60),
})

export const processDeployer = z.strictObject({
  type: z.literal('process'),
  /** Starts one version; `{version}` and `{port}` are replaced in each argument. */
  argv,
  cwd: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  health_path: z.string().startsWith('/').default('/healthz'),
  proxy_admin_url: z.url(),
  proxy_token_env: z.string().min(1).default('ROMAN_PROXY_TOKEN'),
  /** How long the old version may finish its requests after the switch. */
  drain_seconds: seconds(5, 600),
  timeout_seconds: seconds(60),
})

export const deployerConfig = z.discriminatedUnion('type', [commandDeployer, githubActionsDeployer, processDeployer])
export type DeployerConfig = z.output<typeof deployerConfig>

export const healthSourceConfig = z.discriminatedUnion('type', [
  /** Errors in ops.system_logs, and connections of the database named by `url_env` (the ops database by default). */
  z.strictObject({ type: z.literal('postgres'), url_env: z.string().min(1).optional() }),
  /** Asks the service itself; a refused connection or a 5xx is an error, a broken prober is blindness. */
  z.strictObject({
    type: z.literal('http'),
    url: z.url(),
    interval_seconds: interval(1),
    timeout_seconds: seconds(2, 60),
  }),
  /** PromQL whose single value is the signal. */
  z.strictObject({
    type: z.literal('prometheus'),
    url: z.url(),
    token_env: z.string().min(1).optional(),
    interval_seconds: interval(5),
    timeout_seconds: seconds(2, 60),
    queries: z
      .strictObject({
        error_rate_per_minute: z.string().min(1).optional(),
        requests_per_minute: z.string().min(1).optional(),
        p95_response_ms: z.string().min(1).optional(),
        memory_percent: z.string().min(1).optional(),
      })
      .refine((queries) => Object.keys(queries).length > 0, 'name at least one query'),
  }),
])
export type HealthSourceConfig = z.output<typeof healthSourceConfig>

const positive = (fallback: number) => z.number().positive().default(fallback)

export const thresholdsConfig = z.strictObject({
  error_rate_per_minute: positive(5),
  recent_errors: positive(50),
  database_connection_percent: z.number().positive().max(100).default(90),
  p95_response_ms: positive(5000),
  memory_percent: z.number().positive().max(100).default(95),
  rate_window_seconds: seconds(60, 3600),
  for_seconds: z.number().min(0).max(3600).default(0),
  /** Errors act only at this traffic or more; needs a source of requests_per_minute. */
  min_requests: z.number().positive().optional(),
  /** Errors act only above this share of requests, in percent. */
  error_percent: z.number().positive().max(100).optional(),
  /** `sequential`: errors act once they prove a rate above the threshold. */
  evidence: z.enum(['threshold', 'sequential']).optional(),
  /** With `sequential`: the chance at most, per deployment, of a false alarm. */
  false_alarm_bound: z.number().positive().max(0.5).optional(),
})

export const watchConfig = z.strictObject({
  /** Errors are counted over an hour at most. */
  window_seconds: seconds(300, 3600),
  verify_seconds: seconds(60),
  drain_seconds: z.number().min(0).max(600).default(5),
  auto_rollback_within_seconds: seconds(1800),
  verify_deadline_seconds: seconds(300),
  /** A breach this soon after the deployment does not count yet. */
  warm_up_seconds: z.number().min(0).max(3600).optional(),
})

export const environmentConfig = z.strictObject({
  deployer: deployerConfig,
  health: z
    .array(healthSourceConfig)
    .min(1)
    .default([{ type: 'postgres' }]),
  mode: z.enum(['auto', 'ask', 'observe']).default('auto'),
  watch: watchConfig.prefault({}),
  thresholds: thresholdsConfig.prefault({}),
  decision_wait_seconds: seconds(1800),
  /** Automatic rollbacks an hour; beyond it people are asked. */
  rollbacks_per_hour: z.number().int().min(1).max(100).default(3),
  /** What becomes of migrations newer than the target: they stay, or their rollback scripts are run. */
  migrations: z.enum(['keep', 'undo']).default('keep'),
  /** A migration that could not be undone: the rollback has failed, or its health is verified all the same. */
  on_undo_failure: z.enum(['stop', 'continue']).default('stop'),
  /** How long one rollback script may take, and how long it may wait for a lock. */
  undo_timeout_seconds: seconds(60, 3600),
  undo_lock_timeout_seconds: seconds(5, 600),
  /** The database the service's migrations are applied to; that of its `postgres` health source unless given. */
  migrations_url_env: z.string().min(1).optional(),
})
export type EnvironmentConfig = z.output<typeof environmentConfig>

export const discordConfig = z.strictObject({
  /** Channel of the alerts. */
  alert_channel_id: z.string().regex(/^\d{5,25}$/, 'a Discord channel id'),
  /** Roles that may approve and start rollbacks; nobody by default. */
  approver_role_ids: z.array(z.string().regex(/^\d{5,25}$/)).default([]),
  /** Roles that may override the constitution; nobody by default. */
  override_role_ids: z.array(z.string().regex(/^\d{5,25}$/)).default([]),
})
export type DiscordConfig = z.output<typeof discordConfig>

/** How long the ops database keeps what grows: at least so long, and up to a partition longer. */
export const retentionConfig = z.strictObject({
  /** Health reads the last hour, backtests as far back as they are asked to. */
  logs_days: z.number().int().min(1).max(3650).default(30),
  /** They explain a decision long after it was made. */
  samples_days: z.number().int().min(1).max(3650).default(400),
})
export type RetentionConfig = z.output<typeof retentionConfig>
export const snapshotsConfig = z.strictObject({
  /** Variables of our own processes whose values are kept with a snapshot. Secrets are redacted even where they are named. */
  environment: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable'))
    .max(200)
    .default(['NODE_ENV', 'TZ', 'LANG', 'LOG_LEVEL', 'TEMPORAL_NAMESPACE', 'ROMAN_TASK_QUEUE_PREFIX']),
})

/** `roman.yaml`. */
export const romanConfig = z.strictObject({
  services: z
    .record(serviceName, z.strictObject({ environments: z.record(environmentName, environmentConfig) }))
    .refine((services) => Object.keys(services).length > 0, 'describe at least one service'),
  discord: discordConfig.optional(),
  retention: retentionConfig.prefault({}),
  snapshots: snapshotsConfig.prefault({}),
})
export type RomanConfig = z.output<typeof romanConfig>
