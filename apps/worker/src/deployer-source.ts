import { createDeployer, type Deployer, type HostDeps } from '@roman/deployers'
import { environmentOf, type RomanConfigSource } from '@roman/runtime'

/** The deployer of an environment, by the configuration in force when it is asked for. */
export interface DeployerSource {
  of(service: string, environment: string): Deployer
}

export const createDeployerSource = (config: RomanConfigSource, deps: HostDeps): DeployerSource => ({
  of: (service, environment) =>
    createDeployer(environmentOf(config.current(), service, environment).config.deployer, deps),
})
