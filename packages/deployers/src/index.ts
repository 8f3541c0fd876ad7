export { endRuns } from './command/end-runs.ts'
export type { CommandConfig, DeployerConfig, GithubActionsConfig, HostDeps, ProcessConfig } from './config.ts'
export { createDeployer } from './create-deployer.ts'
export {
  type DeployContext,
  type Deployer,
  DeployerUnavailableError,
  type DeployProgress,
  type DeployRequest,
  type DeployResult,
  type DeployRun,
  type LiveVersion,
} from './port.ts'
export { endInstances } from './process/instances.ts'
export { type ProxyOptions, type ReverseProxy, startProxy } from './process/proxy.ts'
