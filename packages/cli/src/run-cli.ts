import { type Cli, print } from './cli.ts'
import { EXIT, endOf } from './errors.ts'
import { createProgram } from './program.ts'

/** Runs one command line (without the program's name) and resolves to its exit code. Never throws. */
export async function runCli(argv: readonly string[], cli: Cli): Promise<number> {
  const program = createProgram(cli)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    const { code, text } = endOf(error, program.opts<{ debug?: boolean }>().debug === true)
    if (text !== null) print(cli.err, `${cli.colors.red('Error:')} ${text}`)
    return code
  }
}
