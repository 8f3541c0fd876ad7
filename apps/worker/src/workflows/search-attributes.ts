import { SEARCH_ATTRIBUTES } from '@roman/contracts'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { upsertSearchAttributes } from '@temporalio/workflow'

const PHASE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.phase, SearchAttributeType.KEYWORD)
const VERDICT = defineSearchAttributeKey(SEARCH_ATTRIBUTES.verdict, SearchAttributeType.KEYWORD)

/** Makes a workflow findable by where it is and what came of it. */
export const indexPhase = (phase: string, verdict: string | null): void => {
  upsertSearchAttributes([
    { key: PHASE, value: phase },
    ...(verdict === null ? [] : [{ key: VERDICT, value: verdict }]),
  ])
}
