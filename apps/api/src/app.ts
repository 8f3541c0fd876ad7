import type { Control } from '@roman/control'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>

/** What a route may use. */
export interface RouteContext {
  control: Control
  /** Aborts when the server begins to close, so that nobody is kept waiting by a caller's patience. */
  closing: AbortSignal
}

/** One file in `routes/` each: it adapts HTTP to one method of `Control` and adds no rule. */
export type Route = (app: App, context: RouteContext) => void
