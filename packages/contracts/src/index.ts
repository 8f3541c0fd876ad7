export * from './errors.ts'
export * from './names.ts'
export type * from './schemas/index.ts'
export type * from './workflows.ts'
