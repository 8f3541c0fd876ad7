import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createLogger, fixedRomanConfig, loadEnv, parseRomanConfig } from '@roman/runtime'
import { testTemporal } from '@roman/testing'
import { afterAll } from 'vitest'
import { type Control, createControl, type OpenedControl, openControl } from '../src/index.ts'

/** On behalf of nobody. */
export const CALL = { actor: { kind: 'service_key', user_id: null }, idempotency_key: null } as const

const ROMAN_YAML = JSON.stringify({
  services: {
    storefront: {
      environments: { production: { deployer: { type: 'command', argv: ['/bin/true'] } } },
    },
  },
})

/** The use-cases over real parts, as a process has them; closed after the file's last test. Nothing works its queues. */
export const openTestControl = async (
  databaseUrl: string,
  romanYaml = ROMAN_YAML,
  temporalAddress?: string,
): Promise<{ control: Control; opened: OpenedControl }> => {
  const address = temporalAddress ?? (await testTemporal()).address
  const stateDir = await mkdtemp(path.join(tmpdir(), 'roman-control-'))
  const env = loadEnv({
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: address,
    ROMAN_STATE_DIR: stateDir,
    ROMAN_TASK_QUEUE_PREFIX: `${crypto.randomUUID()}-`,
    ROMAN_STARTUP_TIMEOUT_MS: '300',
    LOG_LEVEL: process.env.ROMAN_TEST_LOG ?? 'fatal',
  })
  const config = fixedRomanConfig(parseRomanConfig(romanYaml, 'roman.yaml'))
  const opened = await openControl(env, config, createLogger('test', env.log_level), {
    name: 'test',
    // Where nothing answers, that is what is tried.
    needsTemporal: temporalAddress !== undefined,
  })
  afterAll(async () => {
    await opened.close()
    await rm(stateDir, { recursive: true, force: true })
  })
  return { control: createControl(opened.context), opened }
}
