import { systemCli } from './cli.ts'
import { runCli } from './run-cli.ts'

// A reader that has seen enough (`roman history | head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await runCli(process.argv.slice(2), systemCli())
