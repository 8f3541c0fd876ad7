// Starts one version, waits until it is well, and makes the proxy give it the requests. Run by the command runner, so it
// and what it does go on whether or not the worker lives. Plain JavaScript, so that it starts in milliseconds.
//
//   node switch.mjs   with a SwitchSpec (process-deployer.ts) as JSON on stdin
//
// Exit 0: the version is live. Draining and stopping the old one is the proxy's part: it alone knows who is busy.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeDurably } from '../host/files.mjs'
import { endGroup, identify } from '../host/processes.mjs'

const POLL_MS = 25

const spec = JSON.parse(await text(process.stdin))
const until = performance.now() + spec.timeout_ms
let aborted = false
process.on('SIGTERM', () => {
  aborted = true
})

let instance = null
try {
  const { live } = await admin('GET', '/state')
  if (live?.event_id === spec.event_id) end(0, `100% ${spec.version} is live already.`)
  if (live !== null && BigInt(spec.fence) <= BigInt(live.fence)) {
    end(1, `Fence ${spec.fence} is not above ${live.fence}: ${live.version} was deployed later and stays live.`)
  }
  await endEarlierStart()
  instance = await start()
  say(`40% ${spec.version} runs as process ${instance.pid} on port ${instance.port}; waiting for ${spec.health_path}.`)
  await untilWell()
  await admin('POST', '/switch', { instance, drain_seconds: spec.drain_seconds })
  end(0, `100% ${spec.version} is live.`)
} catch (error) {
  // A proxy that did not answer may have switched: the process stays, for whoever asks the proxy later.
  if (instance !== null && !error.unanswered) await endGroup(instance, 2000)
  end(1, error.message)
}

// A switch that was lost with its worker's host may have left a version that nobody sends requests to.
async function endEarlierStart() {
  if (existsSync(spec.instance_path)) await endGroup(JSON.parse(readFileSync(spec.instance_path, 'utf8')), 2000)
}

async function start() {
  const port = await freePort()
  const log = openSync(spec.log_path, 'a', 0o600)
  const [command, ...rest] = spec.argv.map((parts) => parts.join(String(port)))
  const child = spawn(command, rest, {
    cwd: spec.cwd,
    env: { ...spec.env, PORT: String(port) },
    // A session of its own: the version outlives this switch, the worker and the proxy.
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) =>
      reject(new Error(`${command} could not be started in ${spec.cwd}: ${error.message}`)),
    )
  })
  const identity = identify(child.pid)
  if (identity === null) throw new Error(`${spec.version} ended at once. ${lastOutput()}`)
  const { event_id, version, git_commit, fence } = spec
  const started = { ...identity, event_id, version, git_commit, fence, port }
  writeDurably(spec.instance_path, started)
  return started
}

async function untilWell() {
  let last = 'no answer'
  while (performance.now() < until) {
    if (aborted) throw new Error('It was aborted before the switch.')
    if (identify(instance.pid)?.started !== instance.started) {
      throw new Error(`${spec.version} ended before it answered. ${lastOutput()}`)
    }
    try {
      const url = `http://127.0.0.1:${instance.port}${spec.health_path}`
      const response = await fetch(url, { signal: AbortSignal.timeout(1000), redirect: 'manual' })
      await response.arrayBuffer()
      if (response.ok) return
      last = `HTTP ${response.status}`
    } catch {
      last = 'no answer'
    }
    await sleep(POLL_MS)
  }
  throw new Error(`${spec.version} did not become well within ${spec.timeout_ms / 1000} s: ${last}. ${lastOutput()}`)
}

// Asking twice is harmless: the proxy knows the event.
async function admin(method, path, body) {
  for (;;) {
    let response
    try {
      response = await fetch(new URL(path, spec.proxy_admin_url), {
        method,
        headers: { authorization: `Bearer ${spec.proxy_token}`, 'content-type': 'application/json' },
        signal: AbortSignal.timeout(5000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const answer = await response.json()
      if (response.ok) return answer
      if (response.status < 500) throw Object.assign(new Error(answer.error), { refused: true })
    } catch (error) {
      if (error.refused) throw error
    }
    if (performance.now() >= until || (aborted && body === undefined)) {
      const message = `The proxy at ${spec.proxy_admin_url} does not answer. Start it, then deploy again.`
      throw Object.assign(new Error(message), { unanswered: true })
    }
    await sleep(POLL_MS * 4)
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function lastOutput() {
  const lines = readFileSync(spec.log_path, 'utf8').trim().split('\n').slice(-3).join(' ')
  return lines === '' ? 'It wrote nothing.' : `It wrote: ${lines.slice(-400)}`
}

function say(line) {
  process.stdout.write(`${line}\n`)
}

function end(code, line) {
  say(line)
  process.exit(code)
}
