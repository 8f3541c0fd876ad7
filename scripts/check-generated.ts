import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Generates again what is generated and checked in, and fails where that changes a byte. */
const FOLDERS = ['packages/sdk/src/generated']
const FILES = ['packages/sdk/openapi.json']

const contents = (): Map<string, string> =>
  new Map(
    [...FILES, ...FOLDERS.flatMap((folder) => readdirSync(folder).map((file) => `${folder}/${file}`))].map((file) => [
      file,
      readFileSync(file, 'utf8'),
    ]),
  )

const before = contents()
for (const [filter, script] of [
  ['@roman/api', 'openapi'],
  ['@roman/sdk', 'generate'],
] as const) {
  const { status } = spawnSync('pnpm', ['--silent', '--filter', filter, script], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}
const changed = [...contents()].filter(([file, text]) => before.get(file) !== text).map(([file]) => file)
if (changed.length > 0) {
  console.error(`Generated files were out of date: ${changed.join(', ')}. They are up to date now; commit them.`)
  process.exitCode = 1
}
