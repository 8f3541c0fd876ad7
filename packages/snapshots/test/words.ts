import { compareSnapshots, type SchemaDescription, type SnapshotContent } from '../src/index.ts'

export const contentOf = ({ hash, objects, unavailable }: SchemaDescription): SnapshotContent => ({
  service: 'shop',
  environment: 'production',
  database: null,
  schema: { hash: unavailable.length === 0 ? hash : null, objects, unavailable },
  counts: { tables: {}, omitted: 0 },
  migrations: { service: null, recorded: null },
  variables: {},
  taken_by: null,
  policy: null,
  metrics: {},
})

/** What a difference says of two descriptions. */
export const wordsOf = (before: SchemaDescription, after: SchemaDescription): string[] =>
  compareSnapshots(contentOf(before), contentOf(after)).changes.map(({ text }) => text)
