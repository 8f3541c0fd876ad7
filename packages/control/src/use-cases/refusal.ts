import type { Refused } from '@roman/constitution'
import { RomanError } from '@roman/contracts'

/** A gate's refusal as an error: the facts, then the ways out. */
export const refusal = (decision: Refused): RomanError =>
  new RomanError(
    decision.code as never,
    decision.reasons.map(({ message, way_out }) => `${message} ${way_out}`).join(' '),
    { reasons: decision.reasons },
  )
