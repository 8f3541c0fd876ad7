import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { historyFromJSON } from '@temporalio/common/lib/proto-utils'
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import { beforeAll, describe, expect, it } from 'vitest'
import { readBundle } from '../src/index.ts'

const FOLDER = fileURLToPath(new URL('./histories', import.meta.url))
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.history.json'))

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

describe('recorded histories replay on today’s workflows', () => {
  let code = ''
  beforeAll(async () => {
    code = await readBundle()
  })

  it('there are some of every workflow', () => {
    expect(new Set(files.map((file) => file.split('.')[0]))).toEqual(new Set(['guardDeployment', 'rollbackDeployment']))
  })

  it.each(files)('%s', async (file) => {
    const history = historyFromJSON(JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')))
    await Worker.runReplayHistory({ workflowBundle: { code } }, history, file.replace('.history.json', ''))
  })
})
