import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import * as schemas from '@roman/contracts/schemas'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { App } from './app.ts'

/** Schemas that get a name of their own in the document, and so a type of their own in generated clients. */
const schemaRegistry = z.registry<{ id: string }>()
const named = {
  Error: schemas.errorBody,
  Health: schemas.health,
  Validation: schemas.validation,
  TargetDeployment: schemas.targetDeployment,
  DeploymentRecorded: schemas.recordDeploymentResponse,
  Deployment: schemas.deploymentView,
  Guard: schemas.guardView,
  RollbackRow: schemas.rollbackRow,
  Rollback: schemas.rollbackView,
  RollbackStep: schemas.rollbackStep,
  Segments: schemas.segments,
  RollbackResult: schemas.executeRollbackResponse,
  RollbackRejected: schemas.rejectedRollbackResponse,
  Decision: schemas.decisionResponse,
  SnapshotSummary: schemas.snapshotSummary,
  Snapshot: schemas.snapshotView,
  SnapshotDiff: schemas.snapshotDiff,
  Summary: schemas.summaryResponse,
  AuditAnchor: schemas.auditAnchor,
  AuditVerification: schemas.auditVerification,
}
for (const [id, schema] of Object.entries(named)) schemaRegistry.add(schema, { id })

type ZodToJsonConfig = NonNullable<NonNullable<Parameters<typeof createJsonSchemaTransform>[0]>['zodToJsonConfig']>
const zodToJsonConfig: ZodToJsonConfig = {
  override: ({ zodSchema, jsonSchema }) => {
    // The format says it; zod's pattern for it is a page long.
    if (jsonSchema.format === 'uuid' || jsonSchema.format === 'date-time') delete jsonSchema.pattern
    // Answers may grow: only what was declared strict is closed.
    const { def } = zodSchema._zod
    if (def.type === 'object' && (def as z.core.$ZodObjectDef).catchall === undefined)
      delete jsonSchema.additionalProperties
  },
}
const nameSchemas = createJsonSchemaTransformObject({ schemaRegistry, zodToJsonConfig })

type Schemas = Record<string, unknown>
type OpenApiDocument = ReturnType<typeof nameSchemas> & { components?: { schemas?: Schemas } }

/** Makes of zod's rendering what other tools read: free JSON gets one name, and only what is referred to is kept. */
function tidy(document: OpenApiDocument) {
  const anyJson = JSON.stringify({ $ref: '#/components/schemas/Json' })
  const text = JSON.stringify(document).replaceAll(
    /\{"\$ref":"#\/components\/schemas\/(?:__shared#[^"]*|schema\d+)"\}/g,
    anyJson,
  )
  const { components, ...rest } = JSON.parse(text) as OpenApiDocument
  const all: Schemas = { ...components?.schemas, Json: { description: 'Any JSON value.' } }
  const kept: Schemas = {}
  const keepWhatIsNamedIn = (part: unknown): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (name in kept) continue
      kept[name] = all[name]
      keepWhatIsNamedIn(all[name])
    }
  }
  keepWhatIsNamedIn(rest)
  const schemas = Object.fromEntries(Object.entries(kept).sort(([a], [b]) => a.localeCompare(b)))
  return { ...rest, components: { ...components, schemas } } as OpenApiDocument
}

/** Registers the document's collector; routes registered afterwards are in it. */
export async function registerOpenApi(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'R.O.M.A.N. Rollback',
        version: '1.0.0',
        description:
          'Guards deployments, rolls a bad one back by itself, proves the result healthy and explains it. Every error has the shape `{success: false, error, code, details?}`: `error` says the fact and the way out, `code` is stable.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags: [
        { name: 'rollbacks', description: 'Start, watch, override and stop rollbacks.' },
        { name: 'deployments', description: 'Record deployments, watch them, decide about them.' },
        { name: 'audit', description: 'Prove that the audit trail is as it was written.' },
        { name: 'snapshots', description: 'The state of databases before and after, and what changed in between.' },
        { name: 'health', description: 'Errors in, readiness and figures out.' },
        { name: 'people', description: 'Who Discord members and CI identities are.' },
      ],
      components: {
        securitySchemes: { serviceKey: { type: 'http', scheme: 'bearer', description: 'The service key.' } },
      },
    },
    transform: createJsonSchemaTransform({ schemaRegistry, zodToJsonConfig }),
    transformObject: (document) => tidy(nameSchemas(document) as OpenApiDocument),
  })
}

/** The document and its reader. Both are open: they hold no secret, and a browser cannot send a key to a page. */
export async function serveOpenApi(app: App): Promise<void> {
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // Plain HTTP inside a private network must work, and the document is sent to nobody's validator.
    transformStaticCSP: (policy) =>
      policy.replace(' upgrade-insecure-requests;', '').replace(' validator.swagger.io', ''),
    uiConfig: { validatorUrl: null },
  })
}
