import { readFileSync } from 'node:fs'
import { writeDurably } from '../host/files.mjs'
import type { ProcessIdentity } from '../host/processes.mjs'

/** One started process of one version. It leads its own process group. */
export interface Instance extends ProcessIdentity {
  event_id: string
  version: string
  git_commit: string
  fence: string
  port: number
}

export interface ProxyState {
  live: Instance | null
  /** No longer given requests; being drained and stopped. */
  retired: (Instance & { drain_until: string })[]
}

/** What the proxy knows, in a file: a proxy that is started again goes on where the last one was. */
export class ProxyStateFile {
  readonly path: string
  private state: ProxyState

  /** @throws SyntaxError when the file is no JSON: the proxy would rather not start than forget what is live. */
  constructor(path: string) {
    this.path = path
    this.state = readProxyState(path)
  }

  get current(): ProxyState {
    return this.state
  }

  /** On disk first: what was answered "live" stays live. */
  set(state: ProxyState): void {
    writeDurably(this.path, state)
    this.state = state
  }
}

export function readProxyState(path: string): ProxyState {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProxyState
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { live: null, retired: [] }
    throw error
  }
}
