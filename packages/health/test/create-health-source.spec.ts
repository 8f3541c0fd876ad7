import { healthSourceConfig } from '@roman/contracts/schemas'
import { expect, it } from 'vitest'
import { createHealthSource } from '../src/index.ts'

const create = (config: object) => createHealthSource(healthSourceConfig.parse(config), { secret: () => undefined })

it('leaves the ops database to the sampler', () => {
  expect(create({ type: 'postgres' })).toBeNull()
})

it.each([
  [{ type: 'postgres', url_env: 'SHOP_DATABASE_URL' }, 'postgres', 1000, 2000],
  [{ type: 'http', url: 'http://127.0.0.1:8080/healthz' }, 'http', 1000, 2000],
  [{ type: 'prometheus', url: 'http://127.0.0.1:9090', queries: { memory_percent: 'm' } }, 'prometheus', 5000, 2000],
])('makes the source that %j describes, and opens nothing', (config, name, interval_ms, timeout_ms) => {
  expect(create(config)).toMatchObject({ name, interval_ms, timeout_ms })
})
