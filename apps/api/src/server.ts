import { randomUUID } from 'node:crypto'
import type { Control } from '@roman/control'
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { App, RouteContext } from './app.ts'
import { requireServiceKey } from './auth.ts'
import { serveDashboard } from './dashboard.ts'
import { drainOnClose } from './drain.ts'
import { answerBrokenConnection, answerError, answerUnknownRoute } from './errors.ts'
import { readBodiesAsJson } from './json-body.ts'
import { registerOpenApi, serveOpenApi } from './openapi.ts'
import { noQuery } from './route-schema.ts'
import { healthz } from './routes/healthz.ts'
import { keyedRoutes, userRoutes } from './routes/index.ts'

export interface ServerParts {
  control: Control
  serviceKey: string
  /** Silent without one. */
  logger?: FastifyBaseLogger
  /** The dashboard's build; without it the page says how to build it. */
  dashboardDir?: string
  /** Largest body; 1 MiB unless given. */
  bodyLimitBytes?: number
}

/** The API, ready to `listen`. `close()` lets waiting requests answer at once and finishes those that are running. */
export async function buildServer(parts: ServerParts): Promise<App> {
  const app = Fastify({
    ...(parts.logger ? { loggerInstance: parts.logger } : { logger: false }),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: parts.bodyLimitBytes ?? 1024 * 1024,
    // A whole request must arrive in 30 s; a socket may be silent for longer than the longest wait (55 s).
    requestTimeout: 30_000,
    connectionTimeout: 90_000,
    keepAliveTimeout: 72_000,
    // Requests that come in on open connections while the server closes are still served, in our own shape.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 300 },
    genReqId: ({ headers }) => {
      const sent = headers['x-request-id']
      return typeof sent === 'string' && /^[\w.:-]{1,100}$/.test(sent) ? sent : randomUUID()
    },
    clientErrorHandler: answerBrokenConnection,
    frameworkErrors: answerError,
  }).withTypeProvider<ZodTypeProvider>()

  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(answerUnknownRoute)
  readBodiesAsJson(app)
  answerAndLog(app)
  const closing = drainOnClose(app)

  await registerOpenApi(app)
  const context: RouteContext = { control: parts.control, closing }
  healthz(app, context)
  await app.register(async (scope) => {
    const keyed = scope.withTypeProvider<ZodTypeProvider>()
    keyed.addHook('onRequest', requireServiceKey(parts.serviceKey))
    keyed.addHook('onRoute', (options) => {
      options.schema = { querystring: noQuery, ...options.schema }
    })
    for (const route of [...userRoutes, ...keyedRoutes]) route(keyed, context)
    await keyed.register(
      async (alias) => {
        // The same three calls under the address they have on Supabase; documented once.
        alias.addHook('onRoute', (options) => {
          options.schema = { querystring: noQuery, ...options.schema, hide: true }
        })
        for (const route of userRoutes) route(alias.withTypeProvider<ZodTypeProvider>(), context)
      },
      { prefix: '/functions/v1' },
    )
  })
  await serveOpenApi(app)
  await serveDashboard(app, parts.dashboardDir)
  await app.ready()
  return app
}

/** Listens, and resolves to the address. Throws with the way out where the port is taken. */
export async function listenOn(app: App, { host, port }: { host: string; port: number }): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new Error(`Port ${port} of ${host} is taken. Stop what uses it, or set ROMAN_API_PORT to a free one.`, {
      cause,
    })
  }
}

/** Headers of every answer, and a log line for each that is of interest: never the request's headers or its body. */
function answerAndLog(app: App): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
  })
  app.addHook('onResponse', async (request, reply) => {
    const quiet = reply.statusCode < 400 && (request.method === 'GET' || request.method === 'HEAD')
    request.log[quiet ? 'debug' : 'info'](
      {
        method: request.method,
        url: request.url,
        status: reply.statusCode,
        duration_ms: Math.round(reply.elapsedTime),
      },
      'answered',
    )
  })
}
