/** One runbook per file. Everything here is replayed: no clock, no environment, no I/O, no zod. */
export { announce } from './announce.ts'
export { guardDeployment } from './guard-deployment.ts'
export { rollbackDeployment } from './rollback-deployment.ts'
