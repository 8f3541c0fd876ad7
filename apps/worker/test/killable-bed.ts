import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { createLogger, fixedRomanConfig, parseRomanConfig } from '@roman/runtime'
import { type SpawnedProcess, spawnProcess } from '@roman/testing'
import { afterAll } from 'vitest'
import { createWorkerContext } from '../src/index.ts'
import { bedOf, romanYaml, type TestBed, type TestEnvironment, testEnv } from './test-bed.ts'

const ENTRY = fileURLToPath(new URL('./fixtures/doomed-worker.ts', import.meta.url))

/** A bed whose worker is a process that can be killed. */
export const killableBed = async (
  environment: TestEnvironment,
  more: Record<string, string> = {},
): Promise<{ bed: TestBed; startProcess(argument?: string): Promise<SpawnedProcess>; stateDir: string }> => {
  const { env, variables, admin } = await testEnv({ variables: more })
  const configText = romanYaml(environment)
  await writeFile(variables.ROMAN_CONFIG!, configText)
  const log = createLogger('test', env.log_level)
  const context = await createWorkerContext(env, fixedRomanConfig(parseRomanConfig(configText, 'roman.yaml')), log)
  afterAll(() => context.close())
  return {
    bed: await bedOf(env, context, configText, admin),
    stateDir: variables.ROMAN_STATE_DIR!,
    startProcess: async (argument) => {
      const child = spawnProcess(ENTRY, { args: argument === undefined ? [] : [argument], env: variables })
      await child.untilPrints(/at work/, 30_000)
      return child
    },
  }
}
