import { afterAll } from 'vitest'

/**
 * What a spec file's helpers opened, closed after its last test. Registered when the helpers are imported, hence before
 * the file's own hooks, and run after them: vitest runs "after" hooks from the last to the first.
 */
const cleanups: (() => unknown)[] = []

afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

export function afterThisFile(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}
