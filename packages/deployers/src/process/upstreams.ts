import type { ServerResponse } from 'node:http'
import { endGroup, groupMembers } from '../host/processes.mjs'
import type { Instance, ProxyState, ProxyStateFile } from './proxy-state.ts'

export type SwitchResult = { switched: true; state: ProxyState } | { switched: false; reason: string }

const TICK_MS = 20
const STOP_GRACE_MS = 10_000

/** Which process gets the next request, and the orderly end of those that no longer get any. */
export class Upstreams {
  private readonly file: ProxyStateFile
  private readonly inFlight = new Map<number, number>()
  private readonly timer: NodeJS.Timeout
  private readonly stopping = new Set<string>()

  constructor(file: ProxyStateFile) {
    this.file = file
    this.timer = setInterval(() => this.stopDrained(), TICK_MS)
    this.timer.unref()
  }

  get state(): ProxyState & { in_flight: number } {
    return { ...this.file.current, in_flight: [...this.inFlight.values()].reduce((sum, count) => sum + count, 0) }
  }

  /** Address of the live version, which counts as busy until `response` is over; null where none is live. */
  take(response: ServerResponse): string | null {
    const port = this.file.current.live?.port
    if (port === undefined) return null
    this.inFlight.set(port, (this.inFlight.get(port) ?? 0) + 1)
    response.once('close', () => {
      const left = (this.inFlight.get(port) ?? 1) - 1
      if (left === 0) this.inFlight.delete(port)
      else this.inFlight.set(port, left)
    })
    return `http://127.0.0.1:${port}`
  }

  /** Makes `next` live, unless a newer deployment is. The same event again changes nothing. */
  switchTo(next: Instance, drainMs: number): SwitchResult {
    const { live, retired } = this.file.current
    if (live?.event_id === next.event_id) {
      if (live.pid === next.pid && live.started === next.started) return { switched: true, state: this.file.current }
      return { switched: false, reason: `Event ${next.event_id} is live already, as process ${live.pid}.` }
    }
    if (live !== null && BigInt(next.fence) <= BigInt(live.fence)) {
      return {
        switched: false,
        reason: `Fence ${next.fence} is not above ${live.fence}: ${live.version} was deployed later and stays live.`,
      }
    }
    const drainUntil = new Date(Date.now() + drainMs).toISOString()
    this.file.set({ live: next, retired: live === null ? retired : [...retired, { ...live, drain_until: drainUntil }] })
    return { switched: true, state: this.file.current }
  }

  close(): void {
    clearInterval(this.timer)
  }

  private stopDrained(): void {
    for (const instance of this.file.current.retired) {
      const busy = (this.inFlight.get(instance.port) ?? 0) > 0
      if (this.stopping.has(instance.event_id) || (busy && new Date().toISOString() < instance.drain_until)) continue
      this.stopping.add(instance.event_id)
      void this.stop(instance)
    }
  }

  private async stop(instance: Instance): Promise<void> {
    await endGroup(instance, STOP_GRACE_MS)
    this.stopping.delete(instance.event_id)
    // One that outlived even KILL is kept on the list and tried again.
    if (groupMembers(instance).length > 0) return
    const { live, retired } = this.file.current
    this.file.set({ live, retired: retired.filter((other) => other.event_id !== instance.event_id) })
  }
}
