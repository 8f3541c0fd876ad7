export * from './common.ts'
export * from './config.ts'
export * from './deployments.ts'
export * from './rollbacks.ts'
