import { mayRollBack } from '@roman/constitution'
import type { ControlContext } from '../context.ts'
import { gatherEvidence } from '../evidence.ts'
import type { DeploymentRecord } from '../store/deployments.ts'

/** Nobody asks the deployer for what may never be deployed: its checks are left out. */
const UNASKED = { able: null, able_detail: null, current: null }
const NO_EVENT = '00000000-0000-0000-0000-000000000000'

/**
 * What the constitution would say to an automatic rollback that does not run by itself, for those who are asked or told
 * instead. In words that follow a semicolon: `the constitution would allow it, back to v2.5.2 (commit a7f3b29)`.
 */
export const previewRollback = async (
  context: ControlContext,
  { deployment_id }: DeploymentRecord,
  reason: string,
): Promise<string> => {
  try {
    const { evidence } = await gatherEvidence(
      context,
      {
        event_id: NO_EVENT,
        deployment_id,
        target_forced: false,
        target_deployment_id: null,
        refused_event_id: null,
        trigger_type: 'automatic',
        trigger_reason: reason,
        initiated_by: null,
        metadata: null,
      },
      UNASKED,
    )
    const decision = mayRollBack(evidence)
    if (!decision.allowed)
      return `the constitution would refuse it: ${decision.reasons.map(({ message }) => message).join('; ')}`
    const { version, git_commit } = evidence.target!
    return `the constitution would allow it, back to ${version} (commit ${git_commit})`
  } catch (error) {
    context.log.warn({ deployment_id, reason: (error as Error).message }, 'A rollback could not be judged beforehand')
    return 'what the constitution would say could not be read'
  }
}
