import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLogger, fixedRomanConfig, parseRomanConfig } from '@roman/runtime'
import { spawnProcess } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { createWorkerContext } from '../src/index.ts'
import { bedOf, ended, romanYaml, testEnv } from './test-bed.ts'

const ENTRY = fileURLToPath(new URL('./fixtures/doomed-worker.ts', import.meta.url))
describe('two hosts, the worker of one restarted while its deploy runs', () => {
  it('never run the command twice at once', { timeout: 120_000 }, async () => {
    const { env, variables, admin } = await testEnv()
    const count = path.join(await mkdtemp(path.join(tmpdir(), 'roman-test-')), 'dispatches')
    const configText = romanYaml({
      deployer: JSON.stringify({
        type: 'command',
        argv: ['/bin/sh', '-c', `echo "start $$" >> ${count}; sleep 8; echo "end $$" >> ${count}`],
        grace_seconds: 1,
      }),
      watch: { window_seconds: 4 },
    })
    await writeFile(variables.ROMAN_CONFIG!, configText)
    const context = await createWorkerContext(
      env,
      fixedRomanConfig(parseRomanConfig(configText, 'roman.yaml')),
      createLogger('test', 'fatal'),
    )
    afterAll(() => context.close())
    const bed = await bedOf(env, context, configText, admin)
    const host = async (state: string) => {
      const c = spawnProcess(ENTRY, { args: [], env: { ...variables, ROMAN_STATE_DIR: state } })
      await c.untilPrints(/at work/, 30_000)
      return c
    }
    const h1 = await host(await mkdtemp(path.join(tmpdir(), 'h1-')))
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success', 30_000)
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 6)
    await bed.untilRollback(bad, ({ phase }) => phase === 'deploying')
    await host(await mkdtemp(path.join(tmpdir(), 'h2-')))
    await h1.kill('SIGTERM' as never)
    await bed.untilRollback(bad, ended, 60_000)
    expect((await readFile(count, 'utf8')).match(/start/g)).toHaveLength(1)
  })
})
