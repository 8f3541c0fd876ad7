// Plain JavaScript, because the detached wrapper and the switch import it and have to start in milliseconds on a bare
// node, without a loader. Types are in processes.d.mts.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const hasProc = existsSync('/proc/self/stat')
const bootId = hasProc ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : 'boot'

// pid, process group, state and start of each process asked for. In /proc/<pid>/stat the command's name may hold spaces
// and brackets, so the fields are counted from the last bracket.
function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid, group: Number(fields[2]), zombie: fields[0] === 'Z' || fields[0] === 'X', start: fields[19] }
  } catch {
    return null
  }
}

function ps(args) {
  try {
    const text = execFileSync('ps', ['-o', 'pid=,pgid=,stat=,lstart=', ...args], { encoding: 'utf8', timeout: 5000 })
    return text
      .split('\n')
      .filter((line) => line.trim())
      .map((line) => {
        const [pid, group, state, ...start] = line.trim().split(/\s+/)
        return { pid: Number(pid), group: Number(group), zombie: state.startsWith('Z'), start: start.join(' ') }
      })
  } catch {
    return []
  }
}

const lookup = (pid) => (hasProc ? stat(pid) : (ps(['-p', String(pid)])[0] ?? null))
const everyone = () =>
  hasProc
    ? readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((name) => stat(Number(name)))
        .filter(Boolean)
    : ps(['-A'])

export function identify(pid) {
  const found = lookup(pid)
  return found === null || found.zombie ? null : { pid, started: `${bootId}/${found.start}` }
}

export const isAlive = (identity) => identify(identity.pid)?.started === identity.started

export function groupMembers(identity) {
  if (!identity.started.startsWith(`${bootId}/`)) return []
  // A pid is not given away while a group of that number exists: another process under the leader's pid means that the
  // group is gone.
  const leader = lookup(identity.pid)
  if (leader !== null && `${bootId}/${leader.start}` !== identity.started) return []
  return everyone()
    .filter((process) => process.group === identity.pid && !process.zombie)
    .map((process) => process.pid)
}

export function signalGroup(identity, signal) {
  if (groupMembers(identity).length === 0) return
  try {
    process.kill(-identity.pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

export async function endGroup(identity, graceMs) {
  signalGroup(identity, 'SIGTERM')
  if (await groupEnds(identity, graceMs)) return true
  signalGroup(identity, 'SIGKILL')
  return groupEnds(identity, 5000)
}

async function groupEnds(identity, withinMs) {
  const until = performance.now() + withinMs
  while (groupMembers(identity).length > 0) {
    if (performance.now() >= until) return false
    await sleep(20)
  }
  return true
}
