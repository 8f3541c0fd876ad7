import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { forgetReaping, processFacts, reapIfWeDie } from '@roman/local-stack'

const LOOK_EVERY_MS = 100

/**
 * Has deploys that are under way, and the versions that they started, ended should we die without ending them. Each
 * has a session of its own on purpose, and says which in a file under its deployer's state directory.
 */
export function reapDeploys(stateDirs: readonly string[]): { end(): void } {
  const watched = new Set<string>()
  const ended = new Set<string>()

  const lookAt = (file: string) => {
    if (ended.has(file)) return
    const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number }
    if (processFacts(pid) === null) {
      // For good: whoever is given its number later is a stranger.
      ended.add(file)
      if (watched.delete(file)) forgetReaping(file)
    } else if (!watched.has(file)) {
      watched.add(file)
      // The group, as kill(2) writes it: the leader of a run stays to write down how its command ended.
      reapIfWeDie(file, -pid, 'SIGTERM')
    }
  }
  const look = () => {
    for (const directory of stateDirs.filter((one) => existsSync(one))) {
      for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
        if (/(^|\/)(claim|instance)\.json$/.test(path)) lookAt(join(directory, path))
      }
    }
  }
  const timer = setInterval(() => {
    try {
      look()
    } catch {
      // What is read in the middle of a change is read again in a moment.
    }
  }, LOOK_EVERY_MS)
  timer.unref()
  return {
    end() {
      clearInterval(timer)
      for (const file of watched) forgetReaping(file)
    },
  }
}
