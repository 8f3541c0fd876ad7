import { defineConfig } from 'vitest/config'

const outside = ['**/node_modules/**', '**/dist/**']

export default defineConfig({
  test: {
    pool: 'forks',
    // Specs start real processes; more at once than this only makes them wait for each other.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['**/*.spec.{ts,tsx}'], exclude: [...outside, '**/*.int.spec.ts'] },
      },
      {
        extends: true,
        // Specs on a real PostgreSQL and a real Temporal server, started once for the run.
        test: {
          name: 'integration',
          include: ['**/*.int.spec.ts'],
          exclude: outside,
          globalSetup: ['packages/testing/src/stack/global-setup.ts'],
        },
      },
    ],
  },
})
