import type { HealthSample } from '@roman/constitution'
import type { Database } from '@roman/db'

/** What the sources of an environment say now: numbers of a health sample, and what could not be read. */
export interface SourceReading {
  values: { [Field in keyof HealthSample]?: unknown }
  unavailable: string[]
}

/**
 * Keeps what an environment's sources said last, for all who judge its health beside the guards: ops.read_health lays it over
 * what the log says. Null where it has no source: there is nothing to lay over it, for good.
 * @param freshMs after so much time by the database's clock everything in it counts as unavailable
 */
export const storeSourceReading = async (
  { pool }: Pick<Database, 'pool'>,
  { service, environment }: { service: string; environment: string },
  reading: SourceReading | null,
  freshMs: number,
): Promise<void> => {
  await pool.query({
    name: 'roman-store-source-reading',
    text: `
      INSERT INTO ops.source_readings (service, environment, supplied, unavailable, read_at, stale_at)
      VALUES ($1, $2, $3, $4, now(), coalesce(now() + $5 * interval '1 millisecond', 'infinity'))
      ON CONFLICT (service, environment) DO UPDATE SET
        supplied = excluded.supplied, unavailable = excluded.unavailable,
        read_at = excluded.read_at, stale_at = excluded.stale_at`,
    values: [
      service,
      environment,
      JSON.stringify(reading?.values ?? {}),
      reading?.unavailable ?? [],
      reading === null ? null : freshMs,
    ],
  })
}
