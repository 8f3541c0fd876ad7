import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface ProcessFacts {
  parentPid: number
  /** Opaque; together with the pid it tells a process from a later one that was given the same number. */
  startedAt: string
  command: string
}

/** What the operating system says of a process; null when there is none, or only its unburied remains (a zombie). */
export function processFacts(pid: number): ProcessFacts | null {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
  } catch {
    return null
  }
}

/** Slim images carry no `ps`, so Linux is asked itself. */
function fromProc(pid: number): ProcessFacts | null {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, parentPid, startedAt] = [fields[0], fields[1], fields[19]]
  if (state === undefined || state === 'Z' || state === 'X' || startedAt === undefined) return null
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  return { parentPid: Number(parentPid), startedAt, command }
}

function fromPs(pid: number): ProcessFacts | null {
  const columns = ['-o', 'state=', '-o', 'ppid=', '-o', 'lstart=', '-o', 'command=']
  const line = execFileSync('ps', [...columns, '-p', String(pid)], { encoding: 'utf8', env: { LC_ALL: 'C' } })
  const match = /^\s*(\S+)\s+(\d+)\s+(\S+ +\S+ +\S+ +\S+ +\S+)\s+(.*)$/m.exec(line)
  if (!match?.[3] || match[1]?.startsWith('Z')) return null
  return { parentPid: Number(match[2]), startedAt: match[3], command: match[4] ?? '' }
}
