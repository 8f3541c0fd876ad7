/** What REST answers instead of working. */
export interface RestFault {
  status: 429 | 500 | 502 | 503
  /** 429 only. */
  retry_after_seconds?: number
  /** 429 only: every route at once. */
  global?: boolean
  /** How many requests it hits; until `restore()` when left out. */
  times?: number
  /** Only requests whose "METHOD /path" contains this. */
  matching?: string
  /** The request takes effect and its answer is lost. */
  after?: boolean
}

/** How the stand-in is made to fail, as Discord does now and then. */
export class Outage {
  #faults: RestFault[] = []
  #denied = new Map<string, 50001 | 50013>()
  readonly #gateway: { drop(): void; restore(): void }

  constructor(gateway: { drop(): void; restore(): void }) {
    this.#gateway = gateway
  }

  /** Adds a fault; the oldest one that fits is used up first. */
  rest(fault: RestFault): void {
    this.#faults.push({ ...fault })
  }

  /** Cuts every gateway connection and refuses new ones. */
  gateway(): void {
    this.#gateway.drop()
  }

  /** The bot loses its rights in a channel: 50001 Missing Access or 50013 Missing Permissions. */
  denyChannel(channelId: string, code: 50001 | 50013 = 50001): void {
    this.#denied.set(channelId, code)
  }

  /** Everything works again. */
  restore(): void {
    this.#faults = []
    this.#denied.clear()
    this.#gateway.restore()
  }

  deniedIn(channelId: string): 50001 | 50013 | undefined {
    return this.#denied.get(channelId)
  }

  /** The fault that hits this request, used up by one. */
  take(method: string, path: string): RestFault | undefined {
    const fault = this.#faults.find(({ matching }) => matching === undefined || `${method} ${path}`.includes(matching))
    if (fault?.times !== undefined) {
      fault.times -= 1
      if (fault.times <= 0) this.#faults = this.#faults.filter((other) => other !== fault)
    }
    return fault
  }
}
