import { loadEnv, type RuntimeEnv } from '@roman/runtime'
import { createRomanClient, type RomanClient } from '@roman/sdk'
import pc from 'picocolors'

type Colors = ReturnType<typeof pc.createColors>

/** What commands need of the process they run in. Tests hand in their own. */
export interface Cli {
  /** What was asked for. */
  out: NodeJS.WritableStream
  /** Progress and errors. */
  err: NodeJS.WritableStream
  /** Of `out`. */
  colors: Colors
  /** Whether a person watches `out`, and lines already printed may be changed. */
  interactive: boolean
  cwd: string
  /** @throws Error that names each wrong variable. */
  env(): RuntimeEnv
  now(): Date
}

export function systemCli(): Cli {
  const interactive = process.stdout.isTTY === true
  let env: RuntimeEnv | undefined
  return {
    out: process.stdout,
    err: process.stderr,
    colors: pc.createColors(interactive && pc.isColorSupported),
    interactive,
    cwd: process.cwd(),
    env: () => {
      env ??= loadEnv()
      return env
    },
    now: () => new Date(),
  }
}

/** A client of the API at ROMAN_URL. @throws Error when there is no key. */
export function clientOf(cli: Cli): RomanClient {
  const { roman_url, service_key } = cli.env()
  if (service_key === undefined) {
    throw new Error(
      'There is no key for the API. Set ROMAN_KEY ("roman dev" prints its own), and ROMAN_URL where needed.',
    )
  }
  return createRomanClient({ url: roman_url, key: service_key })
}

export function print(stream: NodeJS.WritableStream, text: string): void {
  stream.write(`${text}\n`)
}

/** One JSON document, for programs. */
export function printJson(cli: Cli, value: unknown): void {
  print(cli.out, JSON.stringify(value, null, 2))
}
