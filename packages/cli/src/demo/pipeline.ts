import { randomUUID } from 'node:crypto'
import { createDeployer, type DeployProgress } from '@roman/deployers'
import { environmentOf, readRomanConfig } from '@roman/runtime'
import type { DeploymentRecorded, RomanClient } from '@roman/sdk'
import { CHECKOUT } from '../checkout.ts'
import { ENVIRONMENT, SERVICE } from './config.ts'
import type { Stage } from './stage.ts'

export interface Release {
  version: string
  git_commit: string
}

/**
 * What a CI pipeline does, in its three steps: say what is about to happen, switch, say that it is live.
 *
 * The switch runs the same deployer that a rollback uses, under an id of the pipeline's own run and with the fence that
 * R.O.M.A.N. handed out; R.O.M.A.N. itself has no part in it.
 */
export async function deployAsCi(
  { stage, client, signal, onProgress }: Pipeline,
  { version, git_commit }: Release,
): Promise<DeploymentRecorded> {
  const release = { service: SERVICE, environment: ENVIRONMENT, version, git_commit, git_branch: 'main' }
  const intent = await client.recordDeployment({ ...release, status: 'pending' }, { signal })
  const { deployment_id } = intent
  const { config } = environmentOf(readRomanConfig(stage.configFile), SERVICE, ENVIRONMENT)
  const { stateDir, env } = { stateDir: stage.pipelineDir, env: stage.deployerEnv }
  const result = await createDeployer(config.deployer, { stateDir, baseDir: CHECKOUT, env }).deploy(
    {
      ...release,
      event_id: randomUUID(),
      deployment_id,
      fence: String(intent.fence),
      // A pipeline replaces whatever is there; the deployer does not ask.
      rollback_from: deployment_id,
    },
    { signal, attempt: 1, onDispatched: () => {}, onProgress },
  )
  if (result.outcome !== 'live') {
    await client.changeDeployment(deployment_id, { status: 'failed', reason: result.reason })
    throw new Error(`${version} could not be deployed: ${result.reason}`)
  }
  return client.changeDeployment(deployment_id, { status: 'in_progress' }, { signal })
}

export interface Pipeline {
  stage: Stage
  client: RomanClient
  signal: AbortSignal
  onProgress(progress: DeployProgress): void
}
