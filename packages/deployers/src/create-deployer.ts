import { createCommandDeployer } from './command/command-deployer.ts'
import type { DeployerConfig, HostDeps } from './config.ts'
import { createGithubActionsDeployer } from './github/github-actions-deployer.ts'
import type { Deployer } from './port.ts'
import { createProcessDeployer } from './process/process-deployer.ts'

/** The deployer that a validated configuration describes. */
export function createDeployer(config: DeployerConfig, deps: HostDeps): Deployer {
  switch (config.type) {
    case 'command':
      return createCommandDeployer(config, deps)
    case 'github-actions':
      return createGithubActionsDeployer(config, deps)
    case 'process':
      return createProcessDeployer(config, deps)
  }
}
