import { spawnSync } from 'node:child_process'

/**
 * Everything CI holds a change to, cheapest first. Every part runs even when an earlier one failed, so that one run says
 * all there is to mend. `--no-tests` leaves the tests out, for who has just run them.
 */
const parts: [name: string, command: string, ...args: string[]][] = [
  ['format and lint', 'biome', 'ci', '.'],
  // First of those that need it: the types of the database client are generated.
  ['build', 'turbo', 'run', 'build', '--output-logs=errors-only'],
  ['types', 'tsc', '-p', '.'],
  [
    'direction of dependencies',
    'depcruise',
    '--config',
    '.dependency-cruiser.cjs',
    'apps',
    'packages',
    'examples',
    'bench',
  ],
  ['unused code and dependencies', 'knip'],
  ['migrations stay as released and lock no large table', 'tsx', 'scripts/check-migrations.ts'],
  ['the constitution in the workflow bundle', 'tsx', 'apps/worker/scripts/check-bundle.ts'],
  ['generated files unchanged', 'tsx', 'scripts/check-generated.ts'],
]
if (!process.argv.includes('--no-tests')) parts.push(['tests', 'vitest', 'run'])

let failed = 0
for (const [name, command, ...args] of parts) {
  console.log(`\n── ${name}`)
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) {
    failed += 1
    console.error(`✗ ${name} failed`)
  }
}
console.log(`\ncheck: ${parts.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
