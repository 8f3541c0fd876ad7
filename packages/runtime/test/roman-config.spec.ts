import { mkdtemp, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createLogger, environmentOf, parseRomanConfig, readRomanConfig, watchRomanConfig } from '../src/index.ts'

const yaml = (production: string): string =>
  `services:\n  storefront:\n    environments:\n      production: ${production}\n`
const GOOD = '{ deployer: { type: command, argv: ["true"] } }'
const parse = (production: string) => parseRomanConfig(yaml(production), 'roman.yaml')

describe('roman.yaml', () => {
  it('fills in every default below the deployer', () => {
    const { config } = environmentOf(parse(GOOD), undefined, 'production')
    expect(config).toMatchObject({
      deployer: { timeout_seconds: 600, idempotent: false },
      health: [{ type: 'postgres' }],
      mode: 'auto',
      watch: {
        window_seconds: 300,
        verify_seconds: 60,
        drain_seconds: 5,
        auto_rollback_within_seconds: 1800,
        verify_deadline_seconds: 300,
      },
      thresholds: {
        error_rate_per_minute: 5,
        recent_errors: 50,
        database_connection_percent: 90,
        p95_response_ms: 5000,
        memory_percent: 95,
      },
      decision_wait_seconds: 1800,
      migrations: 'keep',
      on_undo_failure: 'stop',
      undo_timeout_seconds: 60,
      undo_lock_timeout_seconds: 5,
    })
  })

  it.each([
    [
      'a wrong value',
      '{ deployer: { type: command, argv: ["true"] }, mode: maybe }',
      /services\.storefront\.environments\.production\.mode: accepted values are auto, ask, observe/,
    ],
    ['an unknown key', '{ deployer: { type: command, argv: ["true"] }, mod: auto }', /production: unknown key "mod"/],
    [
      'an unknown deployer',
      '{ deployer: { type: teleport } }',
      /production\.deployer.*command.*github-actions.*process/,
    ],
    [
      'a threshold that is no number',
      '{ deployer: { type: command, argv: ["true"] }, thresholds: { recent_errors: many } }',
      /production\.thresholds\.recent_errors: /,
    ],
    ['a deployer without a command', '{ deployer: { type: command, argv: [] } }', /production\.deployer\.argv: /],
  ])('names the path of %s and says what is accepted', (_what, production, message) => {
    expect(() => parse(production)).toThrow(message)
  })

  it('says where the YAML itself is broken', () => {
    expect(() => parseRomanConfig('services: [', 'roman.yaml')).toThrow(/roman\.yaml is not valid YAML: .*line/s)
  })

  it('says how to go on where there is no file', () => {
    expect(() => readRomanConfig('/nowhere/roman.yaml')).toThrow(/cannot be read.*ROMAN_CONFIG/)
  })

  it('lists what there is where a service or environment is unknown', () => {
    const config = parse(GOOD)
    expect(() => environmentOf(config, 'shop', 'production')).toThrow(
      /"shop" is not configured. Configured: storefront/,
    )
    expect(() => environmentOf(config, undefined, 'moon')).toThrow(
      /"moon" of service "storefront".*Configured: production/,
    )
    expect(() => environmentOf(config, undefined, 'constructor')).toThrow(/not configured/)
  })
})

describe('a watched roman.yaml', () => {
  const watched = async (): Promise<{
    file: string
    source: ReturnType<typeof watchRomanConfig>
    write(text: string): Promise<void>
  }> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'roman-config-'))
    const file = path.join(folder, 'roman.yaml')
    await writeFile(file, yaml(GOOD))
    const source = watchRomanConfig(file, createLogger('test', 'silent'))
    onTestFinished(() => source.close())
    const write = async (text: string): Promise<void> => {
      // As editors do: a new file in the old one's place.
      await writeFile(`${file}.new`, text)
      await rename(`${file}.new`, file)
    }
    return { file, source, write }
  }
  const modeOf = (source: ReturnType<typeof watchRomanConfig>) =>
    environmentOf(source.current(), undefined, 'production').config.mode

  it('is read again when it changes, and a bad change leaves the last good one in force', async () => {
    const { source, write } = await watched()
    expect(modeOf(source)).toBe('auto')
    await write(yaml('{ deployer: { type: command, argv: ["true"] }, mode: ask }'))
    await vi.waitFor(() => expect(modeOf(source)).toBe('ask'), { timeout: 5_000 })
    await write('nonsense: true\n')
    await write(yaml('{ deployer: { type: command, argv: ["true"] }, mode: nonsense }'))
    await vi.waitFor(() => expect(modeOf(source)).toBe('ask'), { timeout: 1_000 })
    await write(yaml('{ deployer: { type: command, argv: ["true"] }, mode: observe }'))
    await vi.waitFor(() => expect(modeOf(source)).toBe('observe'), { timeout: 5_000 })
  })
})
