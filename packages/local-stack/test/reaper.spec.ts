import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { processFacts } from '../src/process-table.ts'
import { waitFor } from '../src/wait-for.ts'
import { fixtureArgv, run } from './run.ts'

test('leaves no process and no temporary directory behind when its owner is killed', async () => {
  const owner = run(fixtureArgv('owner.ts'))
  const [line] = await owner.until(/\{.*\}/)
  const { pid, path } = JSON.parse(line) as { pid: number; path: string }
  expect(processFacts(pid)).not.toBeNull()
  expect(existsSync(path)).toBe(true)

  owner.child.kill('SIGKILL')
  await waitFor(() => processFacts(pid) === null && !existsSync(path), { timeoutMs: 8000, describe: 'all to be gone' })
})
