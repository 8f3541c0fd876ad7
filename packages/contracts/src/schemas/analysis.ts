import { z } from 'zod'
import { environmentName, serviceName, timestamp, uuid } from './common.ts'
import { thresholdsConfig, watchConfig } from './config.ts'

/** `GET /v1/deployments/:id/explanation` and `GET /v1/rollbacks/:event_id/explanation`. */
export const explanationResponse = z.object({
  deployment_id: uuid,
  outcome: z.enum(['rolled_back', 'refused', 'failed', 'aborted', 'in_progress', 'not_rolled_back']),
  headline: z.string(),
  /** The rules that were in force then. */
  rules: z.array(z.string()),
  lines: z.array(z.object({ at: timestamp.nullable(), text: z.string() })),
})
export type ExplanationResponse = z.infer<typeof explanationResponse>

const optional = <Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>) =>
  // Without the defaults: what is not named stays as it is today.
  z.strictObject(
    Object.fromEntries(
      Object.entries(schema.shape).map(([key, value]) => [
        key,
        (value instanceof z.ZodDefault ? (value.unwrap() as z.ZodType) : (value as z.ZodType)).optional(),
      ]),
    ),
  )

/** `POST /v1/backtests`: what other rules would have done over the past. */
export const backtestRequest = z.strictObject({
  service: serviceName.optional(),
  environment: environmentName,
  /** How far back, in days. */
  since_days: z.number().positive().max(400).default(30),
  thresholds: optional(thresholdsConfig).default({}),
  watch: optional(watchConfig).default({}),
})
export type BacktestRequest = z.infer<typeof backtestRequest>

const replayed = z.object({
  rolls_back: z.boolean(),
  verdict: z.string(),
  phase: z.string(),
  at: timestamp,
  reason: z.string(),
  signals: z.array(z.string()),
})
const score = z.object({
  rollbacks: z.number().int(),
  labelled: z.number().int(),
  precision: z.number().nullable(),
  recall: z.number().nullable(),
})
const policyScore = score.extend({ rules: z.record(z.string(), score) })

const chance = z.object({ at_least: z.number(), at_most: z.number() })
const steady = z.object({
  errors_per_minute: z.number(),
  /** Null where no source reports it. */
  requests_per_minute: z.number().nullable(),
  /** Where the rate comes from: the request, known-good deployments, what is live now, or nothing yet. */
  rate_from: z.enum(['request', 'known_good', 'live', 'nothing']),
})

export const backtestResponse = z.object({
  headline: z.string(),
  deployments: z.number().int(),
  /** Set where there were more than can be replayed at once; the newest were. */
  truncated: z.boolean(),
  more: z.array(uuid),
  fewer: z.array(uuid),
  earlier: z.array(uuid),
  later: z.array(uuid),
  /** Too little is stored to tell; left out of the scores as well. */
  unknown: z.array(uuid),
  /** For what, and of how many, too little is stored; empty where everything is there. */
  not_enough_data: z.array(z.string()),
  today: policyScore,
  proposed: policyScore,
  /** How often either would roll back a deployment that changed nothing, at what this environment lives with. */
  noise: steady.extend({ today: chance, proposed: chance }),
  rows: z.array(
    z.object({
      deployment_id: uuid,
      version: z.string(),
      deployed_at: timestamp,
      label: z.string().nullable(),
      change: z.enum(['same', 'more', 'fewer', 'earlier', 'later', 'unknown']),
      /** Why it is unknown. */
      missing: z.array(z.enum(['errors', 'traffic', 'aftermath'])),
      earlier_ms: z.number().nullable(),
      today: replayed,
      proposed: replayed,
    }),
  ),
})
export type BacktestResponse = z.infer<typeof backtestResponse>

/** `GET /v1/thresholds`: the rules in force, and how often they would cry wolf at a steady error rate. */
export const thresholdsQuery = z.strictObject({
  service: serviceName.optional(),
  environment: environmentName,
  /** Errors a minute that nobody would call a fault; unless given, what known-good deployments lived with. */
  errors_per_minute: z.coerce.number().min(0).max(1_000_000).optional(),
  requests_per_minute: z.coerce.number().min(0).max(1_000_000_000).optional(),
})
export type ThresholdsQuery = z.infer<typeof thresholdsQuery>
export const thresholdsResponse = steady.extend({
  service: z.string(),
  environment: z.string(),
  rules: z.array(z.string()),
  noise: z.array(
    z.object({
      signal: z.string(),
      /** Null where no number of errors is enough: there is too little traffic for errors to act. */
      count: z.number().nullable(),
      seconds: z.number(),
      chance_in_window: z.number(),
      chance_per_deployment: z.number(),
      by: z.enum(['formula', 'simulation', 'bound']),
    }),
  ),
  chance_per_deployment: chance,
  /** Null where the rules would not cry wolf. */
  warning: z.string().nullable(),
  /** What would help, and what each would bring; empty where nothing needs help. */
  remedies: z.array(
    z.object({
      set: z.record(z.string(), z.union([z.number(), z.string()])),
      words: z.string(),
      chance_per_deployment: z.number(),
    }),
  ),
})
export type ThresholdsResponse = z.infer<typeof thresholdsResponse>
