import type { DecisionResponse, DeploymentView, RollbackView } from '@roman/contracts'
import type { Announcement } from '@roman/control'

/** Where `@roman/control` keeps what people are told, and what it is about. */
export interface AnnouncementStore {
  readAnnouncement(announcementId: string): Promise<Announcement | null>
  readRollback(eventId: string): Promise<RollbackView | null>
  readDeployment(deploymentId: string): Promise<DeploymentView | null>
  readMessage(announcementId: string, part: string): Promise<MessagePlace | null>
  keepMessage(message: { announcement_id: string; part: string } & MessagePlace): Promise<void>
}

/**
 * The calls of R.O.M.A.N.'s API that a conversation needs. Every call throws `RomanError`, or `RomanUnreachable` when no
 * answer came within its bounds. A call with an `idempotencyKey` is the same request however often it is made.
 */
export interface RomanApi {
  showDeployment(ref: string, where?: { service?: string; environment?: string }): Promise<DeploymentView>
  showRollback(eventId: string): Promise<RollbackView>
  approve(deploymentId: string, body: Say, idempotencyKey: string): Promise<DecisionResponse>
  reject(deploymentId: string, body: Say, idempotencyKey: string): Promise<DecisionResponse>
  /** Does not wait for the end: whatever becomes of it is to be read from the event, a refusal too. */
  startRollback(
    body: Omit<Say, 'reason'> & { deployment_id: string; trigger_reason: string },
    idempotencyKey: string,
  ): Promise<{ event_id: string }>
  override(eventId: string, body: Say & { violations: string[] }, idempotencyKey: string): Promise<{ event_id: string }>
}

/** Why, and on behalf of which Discord member: recorded by the API, never trusted for rights. */
export interface Say {
  reason: string
  discord: { id: string; name: string }
}

/** Thrown where the API gave no answer, as opposed to a refusal. */
export class RomanUnreachable extends Error {
  override readonly name = 'RomanUnreachable'
}

export interface MessagePlace {
  channel_id: string
  message_id: string
}

export interface Button {
  custom_id: string
  label: string
  style: 'success' | 'danger'
}

/** Writing to Discord. Nobody is ever pinged by it. Methods throw `ChatError`. */
export interface Chat {
  /** Who we are; the cheapest proof that Discord answers and takes the token. */
  identify(): Promise<{ bot_id: string; name: string }>
  /**
   * The same `nonce` again within a few minutes makes no second message: it answers with the first one, whose `content`
   * may be another than was asked for.
   */
  create(message: {
    channel_id: string
    content: string
    nonce: string
    reply_to?: string
    buttons?: Button[]
  }): Promise<MessagePlace & { content: string }>
  /** A message that was deleted meanwhile is no error: there is nothing left to say it in. */
  edit(place: MessagePlace, content: string): Promise<void>
}

export type ChatFault =
  /** No right to be or to write there. */
  | 'forbidden'
  /** No such channel or message. */
  | 'unknown'
  /** The token is not one of Discord's. */
  | 'token'
  /** Discord asks to come back later; `retryAfterMs` says when. */
  | 'rate_limited'
  /** No answer, or a fault of Discord's. */
  | 'unavailable'
  /** Discord refuses what we sent: a fault of ours. */
  | 'rejected'

export class ChatError extends Error {
  override readonly name = 'ChatError'
  readonly fault: ChatFault
  readonly retryAfterMs: number | undefined

  constructor(fault: ChatFault, message: string, options?: { cause?: unknown; retryAfterMs?: number }) {
    super(message, options)
    this.fault = fault
    this.retryAfterMs = options?.retryAfterMs
  }
}

/** Whether the same call may work later. */
export const isPassing = (error: unknown): boolean =>
  error instanceof ChatError && (error.fault === 'unavailable' || error.fault === 'rate_limited')
