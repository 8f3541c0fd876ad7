/**
 * One message that is edited as things go on. However fast texts come, showings are `editMs` apart and only the newest text
 * is sent; a text that is shown already is not sent again.
 */
export class LiveMessage {
  readonly #show: (text: string) => Promise<void>
  readonly #editMs: number
  #shown: string | null
  #showedAt = Number.NEGATIVE_INFINITY
  #running: Promise<void> | null = null

  /** `show` makes the message say a text. `shown` is what it says now, null where that is not known. */
  constructor(show: (text: string) => Promise<void>, editMs: number, shown: string | null = null) {
    this.#show = show
    this.#editMs = editMs
    this.#shown = shown
  }

  /** Shows a text if it is time to; a failure is left to the next showing. Never waits. */
  update(text: string): void {
    if (text === this.#shown || this.#running !== null || Date.now() - this.#showedAt < this.#editMs) return
    this.#running = this.#now(text)
      .catch(() => {})
      .finally(() => {
        this.#running = null
      })
  }

  /** Shows the last text; throws what `show` throws. */
  async finish(text: string): Promise<void> {
    await this.#running
    if (text !== this.#shown) await this.#now(text)
  }

  async #now(text: string): Promise<void> {
    this.#showedAt = Date.now()
    await this.#show(text)
    this.#shown = text
  }
}
