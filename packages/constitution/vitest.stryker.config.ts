import { defineConfig } from 'vitest/config'

/** What mutation testing runs for every mutant. */
export default defineConfig({
  test: { include: ['test/all.stryker.ts'], testTimeout: 60_000, maxWorkers: 1, fileParallelism: false },
})
