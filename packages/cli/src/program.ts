import { Command } from 'commander'
import type { Cli } from './cli.ts'
import { abort } from './commands/abort.ts'
import { addActor, listActors, removeActor } from './commands/actors.ts'
import { audit } from './commands/audit.ts'
import { backtest } from './commands/backtest.ts'
import { approve, reject, verify } from './commands/decide.ts'
import { demo } from './commands/demo.ts'
import { deployLive } from './commands/deploy-live.ts'
import { deployRecord } from './commands/deploy-record.ts'
import { dev } from './commands/dev.ts'
import { doctor } from './commands/doctor.ts'
import { explain } from './commands/explain.ts'
import { freeze, unfreeze } from './commands/freeze.ts'
import { freezes } from './commands/freezes.ts'
import { history } from './commands/history.ts'
import { label } from './commands/label.ts'
import { migrate } from './commands/migrate.ts'
import { override } from './commands/override.ts'
import { quarantine } from './commands/quarantine.ts'
import { release } from './commands/release.ts'
import { rollback } from './commands/rollback.ts'
import { snapshots } from './commands/snapshots.ts'
import { status } from './commands/status.ts'

/** The whole command line. Commands throw; `runCli` turns that into a line and an exit code. */
export function createProgram(cli: Cli): Command {
  const program = new Command('roman')
    .description('Guards deployments, rolls a bad one back by itself, proves the result healthy and explains it.')
    .option('--debug', 'show where an error came from')
    .configureOutput({
      writeOut: (text) => cli.out.write(text),
      writeErr: (text) => cli.err.write(text),
    })
    .configureHelp({ helpWidth: 100 })
    .exitOverride()
    .showHelpAfterError('("roman help" shows the commands, "--help" a command\'s options)')
    .addHelpText('after', '\nThe API is found by ROMAN_URL (http://127.0.0.1:8080 unless set), its key in ROMAN_KEY.')

  const deploy = new Command('deploy').description('record what was deployed')
  add(deploy, deployRecord(cli), deployLive(cli))

  const actors = new Command('actors').description('which Discord member or CI identity is which user')
  add(actors, listActors(cli), addActor(cli), removeActor(cli))

  program.commandsGroup('Look:')
  add(program, status(cli), history(cli), explain(cli), backtest(cli))
  add(program, freezes(cli), quarantine(cli), audit(cli), snapshots(cli), doctor(cli))
  program.commandsGroup('Deploy and roll back:')
  add(program, deploy, rollback(cli), approve(cli), reject(cli), override(cli), abort(cli), verify(cli), label(cli))
  program.commandsGroup('Hold back:')
  add(program, freeze(cli), unfreeze(cli), release(cli))
  program.commandsGroup('People:')
  add(program, actors)
  program.commandsGroup('Run:')
  add(program, dev(cli), demo(cli), migrate(cli))
  return program
}

/** A command that is added takes nothing over from its parent by itself. */
function add(parent: Command, ...commands: Command[]): void {
  for (const command of commands) {
    command.copyInheritedSettings(parent)
    for (const below of command.commands) below.copyInheritedSettings(command)
    parent.addCommand(command)
  }
}
