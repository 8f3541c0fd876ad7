import { PassThrough } from 'node:stream'
import { buildServer } from '@roman/api'
import type { Control } from '@roman/control'
import { loadEnv } from '@roman/runtime'
import pc from 'picocolors'
import { afterEach } from 'vitest'
import { runCli } from '../src/run-cli.ts'
import { NOW } from './records.ts'

const KEY = 'a-service-key-of-the-tests'
const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

/** The real API over a control that answers with what the test says. */
export async function serve(answers: Partial<Control>): Promise<string> {
  const control = new Proxy(answers as Control, {
    get: (target, name: keyof Control) =>
      target[name] ?? (() => Promise.reject(new Error(`control.${String(name)} was not expected to be called`))),
  })
  const app = await buildServer({ serviceKey: KEY, control })
  open.push(app)
  return app.listen({ host: '127.0.0.1', port: 0 })
}

export interface Screen {
  code: number
  out: string
  /** Everything, as a terminal shows it. */
  all: string
}

/** Runs one command line as a person would, without colours, and gives the whole screen. */
export async function roman(
  args: readonly string[],
  variables: Record<string, string | undefined> = {},
  cwd = '/',
): Promise<Screen> {
  const chunks: { to: 'out' | 'err'; text: string }[] = []
  const stream = (to: 'out' | 'err') => {
    const through = new PassThrough()
    through.setEncoding('utf8').on('data', (text: string) => chunks.push({ to, text }))
    return through
  }
  const code = await runCli(args, {
    out: stream('out'),
    err: stream('err'),
    colors: pc.createColors(false),
    interactive: false,
    cwd,
    env: () => loadEnv({ ROMAN_KEY: KEY, ...variables }),
    now: () => NOW,
  })
  const text = (wanted: (chunk: { to: string }) => boolean) =>
    chunks
      .filter(wanted)
      .map((chunk) => chunk.text)
      .join('')
  return {
    code,
    out: text(({ to }) => to === 'out'),
    all: tidy(
      args,
      code,
      text(() => true),
    ),
  }
}

/** Ports and the time that a step took differ from run to run. */
function tidy(args: readonly string[], code: number, text: string): string {
  const shown = text
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    .replace(/ \[[\d.]+m?s\]/g, '')
    .replace(/ +$/gm, '')
  return `$ roman ${args.join(' ')}\n${shown.trimEnd()}\nexit code ${code}\n`
}
