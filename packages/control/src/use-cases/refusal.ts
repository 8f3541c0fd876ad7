import type { Reason, Refused } from '@roman/constitution'
import { RomanError } from '@roman/contracts'

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)

/** A gate's reasons in words: each fact, then its way out. */
export const explain = (reasons: readonly Reason[]): string =>
  reasons.map(({ message, way_out }) => `${sentence(message)} ${way_out}`).join(' ')

/** A gate's refusal as an error. */
export const refusal = (decision: Refused): RomanError =>
  new RomanError(decision.code as never, explain(decision.reasons), { reasons: decision.reasons })
