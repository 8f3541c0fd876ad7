import { randomUUID } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { DeployerConfig } from '@roman/contracts'
import { createDeployer, type Deployer, type HostDeps } from '@roman/deployers'
import { environmentOf, type RomanConfigSource } from '@roman/runtime'

/** The deployer of an environment, by the configuration in force when it is asked for. */
export interface DeployerSource {
  of(service: string, environment: string): Deployer
  /** What a run is begun with and bound to. Absent where nothing of a run is kept on a host. */
  runs?: {
    configOf(service: string, environment: string): DeployerConfig
    from(config: DeployerConfig): Deployer
    /** The same for every worker over one state directory, also after a restart. */
    hostId(): Promise<string>
  }
}

export const createDeployerSource = (config: RomanConfigSource, deps: HostDeps): DeployerSource => {
  const configOf = (service: string, environment: string): DeployerConfig =>
    environmentOf(config.current(), service, environment).config.deployer
  return {
    of: (service, environment) => createDeployer(configOf(service, environment), deps),
    runs: { configOf, from: (kept) => createDeployer(kept, deps), hostId: () => hostIdOf(deps.stateDir) },
  }
}

const hostIdOf = async (stateDir: string): Promise<string> => {
  const file = path.join(stateDir, 'host-id')
  await mkdir(stateDir, { recursive: true })
  // Two workers that start together: one writes, both read what was written.
  await writeFile(file, randomUUID(), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  return readFile(file, 'utf8')
}

/** Runs that live on the host that began them. */
export const isHostBound = (config: DeployerConfig): boolean => config.type !== 'github-actions'
