export { freePort, type TemporaryDirectory, temporaryDirectory, waitFor } from '@roman/local-stack'
export { type ProcessEnd, type SpawnedProcess, type SpawnOptions, spawnProcess } from './spawn-process.ts'
export { asApplication, emptyDatabase, type TestDatabase, testDatabase } from './test-database.ts'
export { type TestTemporal, testTemporal } from './test-temporal.ts'
