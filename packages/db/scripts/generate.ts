import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// `prisma generate` needs no schema engine but insists on finding one, and downloads it; a stand-in satisfies it, so
// that generating works on a closed network too.
execFileSync(
  fileURLToPath(new URL('../node_modules/.bin/prisma', import.meta.url)),
  ['generate', '--schema', fileURLToPath(new URL('../../../prisma/schema.prisma', import.meta.url)), '--no-hints'],
  { env: { PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', ...process.env }, stdio: ['ignore', 'ignore', 'inherit'] },
)
