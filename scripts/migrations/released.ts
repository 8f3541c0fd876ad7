import { createHash } from 'node:crypto'
import type { Migration } from './locks.ts'

/** By version, the migrations that it brought, each with the SHA-256 of its file, as Prisma records it in databases. */
export type Releases = Readonly<Record<string, Readonly<Record<string, string>>>>

export const newestReleased = (releases: Releases): string =>
  Object.values(releases).flatMap(Object.keys).sort().at(-1) ?? ''

/** What was released and is not as it was: databases have it as it was, and nothing brings them the change. */
export const findEdits = (migrations: readonly Migration[], releases: Releases): string[] => {
  const released = new Map(Object.values(releases).flatMap((files) => Object.entries(files)))
  const newest = newestReleased(releases)
  const gone = [...released.keys()].filter((name) => !migrations.some((migration) => migration.name === name))
  return [
    ...gone.map((name) => `${name} was released and is not there: restore it`),
    ...migrations.flatMap(({ name, sql }) => {
      const checksum = released.get(name)
      if (checksum === undefined)
        return name < newest
          ? [`${name} comes before ${newest}, which was released without it: give it a later name`]
          : []
      return createHash('sha256').update(sql).digest('hex') === checksum
        ? []
        : [`${name} was released and has been edited since: restore it, and put the change into a new migration`]
    }),
  ]
}
