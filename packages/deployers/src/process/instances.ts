import { rm } from 'node:fs/promises'
import { endGroup } from '../host/processes.mjs'
import { readProxyState } from './proxy-state.ts'

/**
 * Ends every process that a proxy's state file names, and forgets them. For taking a whole environment down, such as the
 * demo's, after its proxy has been stopped; the processes themselves outlive the proxy and the worker on purpose.
 */
export async function endInstances(stateFile: string, { graceMs = 2000 } = {}): Promise<void> {
  const { live, retired } = readProxyState(stateFile)
  const instances = live === null ? retired : [live, ...retired]
  await Promise.all(instances.map((instance) => endGroup(instance, graceMs)))
  await rm(stateFile, { force: true })
}
