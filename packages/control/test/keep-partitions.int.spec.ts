import { asApplication, testDatabase } from '@roman/testing'
import { expect, it } from 'vitest'
import { keepPartitions } from '../src/steps/keep-partitions.ts'
import { openTestControl } from './open-control.ts'

it.each([
  [{ logs_days: 5, samples_days: 20 }, ['system_logs_initial']],
  [{ logs_days: 20, samples_days: 5 }, ['health_samples_initial']],
  [{ logs_days: 20, samples_days: 20 }, []],
])('what ended ten days ago goes by the retention of its own: %o', async (retention, dropped) => {
  const made = await testDatabase()
  const owner = await openTestControl(made.url)
  const { pool } = owner.opened.context.db
  for (const parent of ['system_logs', 'health_samples'])
    await pool.query(`
      ALTER TABLE ops.${parent} DETACH PARTITION ops.${parent}_initial;
      DO $$ BEGIN EXECUTE format('ALTER TABLE ops.${parent} ATTACH PARTITION ops.${parent}_initial
        FOR VALUES FROM (MINVALUE) TO (%L)', date_trunc('day', now(), 'UTC') - interval '10 days'); END $$`)
  const yaml = JSON.stringify({
    services: { storefront: { environments: { production: { deployer: { type: 'command', argv: ['true'] } } } } },
    retention,
  })
  const { opened } = await openTestControl(await asApplication(made), yaml)
  await keepPartitions(opened.context)
  const { rows } = await pool.query(
    `SELECT name FROM unnest('{system_logs_initial,health_samples_initial}'::text[]) name WHERE to_regclass('ops.' || name) IS NULL`,
  )
  expect(rows.map(({ name }) => name)).toEqual(dropped)
})
