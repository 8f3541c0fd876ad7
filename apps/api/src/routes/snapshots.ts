import {
  listSnapshotsQuery,
  listSnapshotsResponse,
  snapshotDiff,
  snapshotRef,
  snapshotView,
} from '@roman/contracts/schemas'
import { z } from 'zod'
import type { Route } from '../app.ts'
import { answer, failures, keyed } from '../route-schema.ts'

const named = (what: string) => snapshotRef.describe(`${what}: the snapshot’s uuid, or a unique prefix of it.`)

export const snapshots: Route = (app, { control }) => {
  app.get(
    '/v1/snapshots',
    {
      schema: {
        operationId: 'listSnapshots',
        tags: ['snapshots'],
        summary: 'States of databases before and after deployments, newest first',
        security: keyed,
        querystring: listSnapshotsQuery,
        response: {
          200: answer('The snapshots, without what is in them.', listSnapshotsResponse),
          ...failures('deployment_not_found', 'ambiguous_deployment'),
        },
      },
    },
    (request) => control.listSnapshots(request.query),
  )
  app.get(
    '/v1/snapshots/:snapshot',
    {
      schema: {
        operationId: 'showSnapshot',
        tags: ['snapshots'],
        summary: 'One snapshot: row counts, migrations, metrics, configuration',
        security: keyed,
        params: z.object({ snapshot: named('Which one') }),
        response: {
          200: answer('The snapshot.', snapshotView),
          ...failures('snapshot_not_found', 'ambiguous_snapshot'),
        },
      },
    },
    (request) => control.showSnapshot(request.params.snapshot),
  )
  app.get(
    '/v1/snapshots/:before/diff/:after',
    {
      schema: {
        operationId: 'diffSnapshots',
        tags: ['snapshots'],
        summary: 'What is different in the second of two snapshots',
        security: keyed,
        params: z.object({ before: named('The earlier one'), after: named('The later one') }),
        response: {
          200: answer('Every difference in words, and what could not be compared.', snapshotDiff),
          ...failures('snapshot_not_found', 'ambiguous_snapshot'),
        },
      },
    },
    (request) => control.diffSnapshots(request.params.before, request.params.after),
  )
}
