// The detached wrapper: runs one command for one event, outlives whoever asked for it, and leaves its claim, output and
// exit in files. Plain JavaScript, so that it starts in milliseconds on a bare node.
//
//   node wrapper.mjs <directory>   with {argv, cwd, env, input, timeout_ms, grace_ms} as JSON on stdin
//
// It leads a process group of its own that the command shares. So the claim, written before anything is executed, names
// the group of everything that will ever run, and there is no moment in which a command runs that no file knows of.
import { spawn } from 'node:child_process'
import { existsSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { claimDurably, writeDurably } from '../host/files.mjs'
import { groupMembers, identify } from '../host/processes.mjs'

const OUTPUT_MAX_BYTES = 1_000_000
const OUTPUT_TAIL_BYTES = 64_000
const POLL_MS = 40

// The group is signalled as a whole; the wrapper stays to write down how it ended.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {})

const directory = process.argv[2]
// Whoever asked may have died while writing: half a request is no request, and nothing was claimed.
const spec = JSON.parse(await text(process.stdin))
const self = identify(process.pid)
mkdirSync(directory, { recursive: true, mode: 0o700 })

// Straight into a file, not through a pipe: neither the wrapper's death nor its exit before a background process that
// the command left can break anybody's output.
const output = openSync(join(directory, 'output.log'), 'a+', 0o600)

const claim = { ...self, claimed_at: new Date().toISOString(), timeout_ms: spec.timeout_ms, grace_ms: spec.grace_ms }
if (!claimDurably(join(directory, 'claim.json'), claim)) process.exit(0)
const claimedAt = performance.now()

const abortPath = join(directory, 'abort.json')
if (existsSync(abortPath)) finish({ cause: 'abort' })

let stopping = null
let exited = null
let killAt = Number.POSITIVE_INFINITY

const command = start()
command.on('error', (error) => finish({ cause: 'spawn', error: error.code ?? error.message }))
command.on('exit', (code, signal) => {
  exited = { code, signal }
  if (stopping === null) finish({ cause: 'exit', ...exited })
})
if (spec.input !== null) {
  // A command that ends without reading its input says so by its exit.
  command.stdin.on('error', () => {})
  command.stdin.end(spec.input)
}

setInterval(() => {
  const now = performance.now()
  if (stopping === null) {
    if (existsSync(abortPath)) stop('abort')
    else if (now - claimedAt >= spec.timeout_ms) stop('timeout')
  } else {
    const others = groupMembers(self).filter((pid) => pid !== process.pid)
    if (others.length === 0 || now >= killAt) {
      // The exit is written before the KILL, which ends this process too.
      finish({ cause: stopping, ...(exited ?? { code: null, signal: 'SIGKILL' }) }, () =>
        process.kill(-process.pid, 'SIGKILL'),
      )
    }
  }
  boundOutput()
}, POLL_MS)

function start() {
  try {
    return spawn(spec.argv[0], spec.argv.slice(1), {
      cwd: spec.cwd,
      env: spec.env,
      stdio: [spec.input === null ? 'ignore' : 'pipe', output, output],
    })
  } catch (error) {
    // An argument that no process can be given, such as one with a NUL.
    finish({ cause: 'spawn', error: error.message })
  }
}

function stop(cause) {
  stopping = cause
  killAt = performance.now() + spec.grace_ms
  process.kill(-process.pid, 'SIGTERM')
}

function finish({ cause, code = null, signal = null, error = null }, then = () => process.exit(0)) {
  writeDurably(join(directory, 'exit.json'), { cause, code, signal, error, ended_at: new Date().toISOString() })
  then()
}

// O_APPEND makes every later write land at the new end. A line written in between may be lost; the tail is kept.
function boundOutput() {
  const { size } = fstatSync(output)
  if (size <= OUTPUT_MAX_BYTES) return
  const tail = Buffer.alloc(OUTPUT_TAIL_BYTES)
  const read = readSync(output, tail, 0, tail.length, size - tail.length)
  ftruncateSync(output, 0)
  writeSync(output, '[earlier output dropped]\n')
  writeSync(output, tail, tail.indexOf('\n') + 1, read - tail.indexOf('\n') - 1)
}
