import { afterEach, expect, test } from 'vitest'
import { processFacts } from '../src/process-table.ts'
import { type ProcessSpec, type SupervisedProcess, superviseProcess } from '../src/supervise-process.ts'
import { waitFor } from '../src/wait-for.ts'

const supervised: SupervisedProcess[] = []
afterEach(async () => {
  for (const one of supervised.splice(0)) await one.stop()
})

function node(program: string, more: Partial<ProcessSpec> = {}) {
  const lines: string[] = []
  const started = superviseProcess({
    name: 'it',
    argv: [process.execPath, '-e', program],
    env: {},
    log: (line) => lines.push(line),
    ...more,
  })
  supervised.push(started)
  return {
    started,
    lines,
    until: (line: string) => waitFor(() => lines.includes(line), { timeoutMs: 5000, describe: line }),
  }
}

const lives = 'console.log("up"); setInterval(() => {}, 1e6)'

test('starts a process again when it is killed, and tells the new pid', async () => {
  const restarted: number[] = []
  const { started, until } = node(lives, { onRestart: (pid) => restarted.push(pid) })
  await until('up')
  const first = started.pid!
  process.kill(first, 'SIGKILL')
  await waitFor(() => started.pid !== null && started.pid !== first, { timeoutMs: 5000, describe: 'a new pid' })
  expect(restarted).toEqual([started.pid])
  expect(started.restarts).toBe(1)
})

test('pauses longer before each start of a process that keeps dying', async () => {
  const { lines } = node('process.exit(3)')
  await waitFor(() => lines.length >= 3, { timeoutMs: 5000, describe: 'three deaths' })
  expect(lines.slice(0, 3)).toEqual(
    [100, 200, 400].map((ms) => `it ended (exit code 3); starting it again in ${ms} ms.`),
  )
})

test('does not start again what is stopped, even in the pause after its death', async () => {
  const { started, lines } = node('process.exit(3)')
  await waitFor(() => lines.length > 0, { timeoutMs: 5000, describe: 'its death' })
  await started.stop()
  expect(started.pid).toBeNull()
  const before = started.restarts
  // Longer than the pause it was in: that nothing happens can't be awaited.
  await new Promise((resolve) => setTimeout(resolve, 250))
  expect(started.restarts).toBe(before)
})

test('kills what does not stop within its bound, with the children in its group', async () => {
  const stubborn = `
    process.on('SIGTERM', () => {})
    const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(lives)}], { stdio: 'ignore' })
    console.log('child ' + child.pid)
    ${lives}`
  const { started, lines, until } = node(stubborn, { stopTimeoutMs: 100 })
  await until('up')
  const pids = [started.pid!, Number(/\d+/.exec(lines[0]!)![0])]
  await started.stop()
  await waitFor(() => pids.every((pid) => processFacts(pid) === null), { timeoutMs: 5000, describe: 'both to be gone' })
  expect(lines).toContain('it did not stop within 0.1 s and is killed.')
})

test('gives a process only the environment it was given', async () => {
  const { until } = node('console.log(Object.keys(process.env).join()); setInterval(() => {}, 1e6)', {
    env: { ONLY: '1' },
  })
  await until('ONLY')
})

test('says why a program could not be started', async () => {
  const { lines } = node('', { argv: ['/no/such/program'] })
  await waitFor(() => lines.length > 0, { timeoutMs: 5000, describe: 'a line' })
  expect(lines[0]).toContain('ENOENT')
})
