import { systemCli } from './cli.ts'
import { runCli } from './run-cli.ts'

process.exitCode = await runCli(process.argv.slice(2), systemCli())
