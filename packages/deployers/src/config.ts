import type { DeployerConfig } from '@roman/contracts'

export type { DeployerConfig }
export type CommandConfig = Extract<DeployerConfig, { type: 'command' }>
export type GithubActionsConfig = Extract<DeployerConfig, { type: 'github-actions' }>
export type ProcessConfig = Extract<DeployerConfig, { type: 'process' }>

export interface HostDeps {
  /** Keeps claims, output and exits of runs. On a local disk, and the same after a restart of the worker. */
  stateDir: string
  /** What a relative `cwd` is relative to: the directory of roman.yaml. */
  baseDir: string
  /** Our own environment. Tokens are looked up in it by their configured names; commands see a few harmless names of it. */
  env: Readonly<Record<string, string | undefined>>
}
