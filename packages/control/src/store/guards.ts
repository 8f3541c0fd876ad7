import { guardWorkflowId } from '@roman/contracts'
import type { Tx } from '@roman/db'
import type { DeploymentRecord } from './deployments.ts'
import { enqueue } from './outbox.ts'

/** Writes down that a deployment must be guarded; once, however often it is asked. Returns the workflow to deliver. */
export const enqueueGuard = async (tx: Tx, deployment: DeploymentRecord): Promise<string> => {
  const id = deployment.deployment_id
  const workflowId = guardWorkflowId(id)
  await tx.guards.createMany({ data: [{ deployment_id: id, workflow_id: workflowId }], skipDuplicates: true })
  await enqueue(tx, {
    kind: 'guard',
    workflow_id: workflowId,
    input: {
      deployment_id: id,
      service: deployment.service,
      environment: deployment.environment,
      version: deployment.version,
      policy: deployment.policy as never,
    },
  })
  return workflowId
}
