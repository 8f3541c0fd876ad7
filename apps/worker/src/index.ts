export { buildBundle, readBundle } from './bundle.ts'
export { createWorkerContext, type WorkerContext, type WorkerOverrides } from './context.ts'
export type { DeployerSource } from './deployer-source.ts'
export { type RunningWorker, startWorker } from './worker.ts'
