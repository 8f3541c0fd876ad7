/**
 * Ends what a process leaves behind when it dies without a chance to clean up (SIGKILL, out of memory).
 * It reads lines of JSON from its standard input, which closes when its owner dies, whatever the cause:
 *   {"watch": {"id", "pid", "signal"}}  {"forget": "id"}  {"directory": "/tmp/…"}  {"keep": "/tmp/…"}
 * Plain JavaScript without dependencies, so that it starts in a moment and needs no loader.
 */
import { readFileSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const STOP_TIMEOUT_MS = 5000
/** In order of first start; a restarted process keeps its place. */
const watched = new Map()
const directories = new Set()

// It has a session of its own, but a person who ends everything of ours by name means its owner first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const { watch, forget, directory, keep } = JSON.parse(line)
  if (watch) watched.set(watch.id, watch)
  if (forget) watched.delete(forget)
  if (directory) directories.add(directory)
  if (keep) directories.delete(keep)
}

for (const { pid, signal } of [...watched.values()].reverse()) {
  send(pid, signal)
  const deadline = Date.now() + STOP_TIMEOUT_MS
  while (isAlive(pid) && Date.now() < deadline) await sleep(20)
  // The group, so that its own children go too.
  send(-pid, 'SIGKILL')
  send(pid, 'SIGKILL')
}
for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })

function send(pid, signal) {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

function isAlive(pid) {
  if (!send(pid, 0)) return false
  try {
    // Orphans are buried by process 1, which in a container may never get to it: a zombie is dead enough.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat[stat.lastIndexOf(')') + 2] !== 'Z'
  } catch {
    return true
  }
}
