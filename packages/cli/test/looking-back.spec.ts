import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BacktestRequest, BacktestResponse, ExplanationResponse, ThresholdsResponse } from '@roman/contracts'
import { RomanError } from '@roman/contracts'
import { describe, expect, test } from 'vitest'
import { EVENT, live } from './records.ts'
import { roman, serve } from './screen.ts'

const snapshot = (name: string) => `screens/${name}.txt`
const at = (clock: string, day = '28') => `2026-02-${day}T${clock}Z`

const explained: ExplanationResponse = {
  deployment_id: live.deployment_id,
  outcome: 'refused',
  headline:
    'storefront v2.5.3 in production was not rolled back: the constitution refused it for structural_integrity. Asked for because: Feature bug',
  rules: [
    'More than 5 errors a minute, counted over 60 seconds, are a breach.',
    'Mode ask: A breach is put to people.',
  ],
  lines: [
    { at: at('23:59:58.000'), text: `v2.5.3 (${live.deployment_id}, commit c41d8e0) went live` },
    { at: '2026-03-01T00:00:30.250Z', text: 'Verdict of the window: breach. High error rate: 8.5 errors/minute' },
    {
      at: '2026-03-01T00:00:30.250Z',
      text: 'The rule: error_rate_per_minute was 8.5, the threshold is 5',
    },
    { at: '2026-03-01T00:01:00.000Z', text: `Rollback ${EVENT} asked for (manual by ada): Feature bug` },
    {
      at: '2026-03-01T00:01:00.100Z',
      text: 'Law of Inhabitance: upheld. Seen: risk_to_life 0 (migrations are kept); required: risk_to_life 0',
    },
    {
      at: '2026-03-01T00:01:00.100Z',
      text: 'Law of Structural Integrity: violated. Seen: geometric_ratio 1.0787 (2 of 3 structural checks hold; failed: deployer_able); required: geometric_ratio within 0.1 of 1.618',
    },
    { at: '2026-03-01T00:01:00.100Z', text: 'Warning: Nobody can answer record_matches_reality: it is left out' },
    { at: null, text: `Rollback ${EVENT} was aborted` },
  ],
}

const noise: ThresholdsResponse['noise'] = [
  {
    signal: 'error_rate_per_minute',
    count: 6,
    seconds: 60,
    chance_in_window: 0.6128,
    chance_per_deployment: 0.6747,
    by: 'formula',
  },
  {
    signal: 'recent_errors',
    count: null,
    seconds: 300,
    chance_in_window: 0,
    chance_per_deployment: 0.0001,
    by: 'formula',
  },
]
const noisy: ThresholdsResponse = {
  service: 'storefront',
  environment: 'production',
  rules: explained.rules,
  errors_per_minute: 3.04,
  requests_per_minute: null,
  rate_from: 'known_good',
  noise,
  chance_per_deployment: { at_least: 0.6747, at_most: 0.6747 },
  warning: 'At a steady 3 errors/minute these thresholds would roll back about 67% of deployments for nothing. …',
  remedies: [
    { set: { error_rate_per_minute: 11 }, words: 'raise error_rate_per_minute to 11', chance_per_deployment: 0.0145 },
    { set: { for_seconds: 120 }, words: 'let a breach last with for_seconds: 120', chance_per_deployment: 0.001 },
  ],
}

const missing = async () => {
  throw new RomanError('rollback_not_found', 'No such rollback.')
}

describe('explain', () => {
  test('tells a rollback: the answer, the rules of that time, and everything in order', async () => {
    const asked: string[] = []
    const url = await serve({
      explainRollback: async (ref) => {
        asked.push(ref)
        return explained
      },
      explainDeployment: missing,
    })
    const { all } = await roman(['explain', EVENT.slice(0, 8)], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('explain'))
    const { out } = await roman(['explain', EVENT, '--json'], { ROMAN_URL: url })
    expect(JSON.parse(out)).toEqual(explained)
    expect(asked).toEqual([EVENT.slice(0, 8), EVENT])
  })

  test('tells a deployment by its version within an environment', async () => {
    let where: unknown
    const url = await serve({
      explainRollback: missing,
      explainDeployment: async (ref, place) => {
        where = { ref, ...place }
        return { ...explained, outcome: 'not_rolled_back' }
      },
    })
    const place = ['--service', 'storefront', '--environment', 'production']
    const { code, out } = await roman(['explain', 'v2.5.3', ...place], { ROMAN_URL: url })
    expect([code, out.split(' ')[0]]).toEqual([0, '–'])
    expect(where).toEqual({ ref: 'v2.5.3', service: 'storefront', environment: 'production' })
  })

  test.each([
    ['nothing', missing, missing],
    ['both', async () => explained, async () => explained],
    [
      'ambiguous',
      missing,
      async () => {
        const { deployment_id, service, version } = live
        const candidates = ['staging', 'production'].map((environment) => ({
          deployment_id,
          service,
          environment,
          version,
        }))
        throw new RomanError('ambiguous_deployment', '"v2.5.3" fits 2 deployments. Name one by its id.', { candidates })
      },
    ],
  ])('of a name that fits %s says what to give', async (name, explainRollback, explainDeployment) => {
    const url = await serve({ explainRollback, explainDeployment })
    const { all, code } = await roman(['explain', 'v2.5.3'], { ROMAN_URL: url })
    expect(code).toBe(1)
    await expect(all).toMatchFileSnapshot(snapshot(`explain-${name}`))
  })

  test('thresholds shows how noisy the rules are, and what would help', async () => {
    let query: unknown
    const url = await serve({
      thresholds: async (asked) => {
        query = asked
        return noisy
      },
    })
    const args = ['explain', 'thresholds', '--service', 'storefront', '--errors-per-minute', '3.04']
    const { all } = await roman(args, { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('explain-thresholds'))
    expect(query).toEqual({ service: 'storefront', environment: 'production', errors_per_minute: 3.04 })
  })
})

describe('backtest', () => {
  const replayed = (second: number | null, reason = 'System healthy') => ({
    rolls_back: second !== null,
    verdict: second === null ? 'healthy' : 'breach',
    phase: 'window',
    at: new Date(Date.parse(at('10:00:00.000')) + (second ?? 300) * 1000).toISOString(),
    reason,
    signals: [],
  })
  const row = (
    version: string,
    change: 'same' | 'more' | 'earlier' | 'unknown',
    today: number | null,
    then: number,
  ) => ({
    deployment_id: live.deployment_id,
    version,
    deployed_at: at('10:00:00.000'),
    label: version === 'v2.5.1' ? 'false_alarm' : null,
    change,
    missing: change === 'unknown' ? ['traffic' as const] : [],
    earlier_ms: change === 'earlier' ? 12_300 : null,
    today: replayed(today, 'High error rate: 6 errors/minute'),
    proposed: replayed(then, 'High error rate: 4 errors/minute'),
  })
  const score = (rollbacks: number, precision: number | null, recall: number | null) => ({
    rollbacks,
    labelled: 3,
    precision,
    recall,
  })
  const answer: BacktestResponse = {
    headline: 'Of 4 deployments: 1 rollback more, 0 fewer, 1 earlier (by 12.3 s at the median), 1 that cannot be told',
    deployments: 4,
    truncated: true,
    more: [live.deployment_id],
    fewer: [],
    earlier: [live.deployment_id],
    later: [],
    unknown: [live.deployment_id],
    not_enough_data: ['Not enough data for min_requests: of 1 of 4 deployments no traffic is stored'],
    today: {
      ...score(1, 1, 0.5),
      rules: { error_rate_per_minute: score(1, 1, 0.5), recent_errors: score(0, null, 0) },
    },
    proposed: {
      ...score(2, 0.5, 0.5),
      rules: { error_rate_per_minute: score(2, 0.5, 0.5), recent_errors: score(0, null, 0) },
    },
    noise: {
      errors_per_minute: 0.42,
      requests_per_minute: null,
      rate_from: 'known_good',
      today: { at_least: 0, at_most: 0.0001 },
      proposed: { at_least: 0.02, at_most: 0.021 },
    },
    rows: [
      row('v2.5.2', 'same', 45, 45),
      row('v2.5.1', 'more', null, 218),
      row('v2.5.0', 'earlier', 44, 31.7),
      row('v2.4.9', 'unknown', 44, 44),
    ],
  }

  test('shows what would change, for which deployments, and how both score', async () => {
    let sent: BacktestRequest | undefined
    const url = await serve({
      backtest: async (input) => {
        sent = input
        return answer
      },
    })
    const sets = ['error_rate_per_minute=3', 'min_requests=10', 'warm_up_seconds=5', 'evidence=sequential']
    const args = ['backtest', '--service', 'storefront', '--since', '8w', ...sets.flatMap((set) => ['--set', set])]
    const { all } = await roman(args, { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('backtest'))
    expect(sent).toEqual({
      service: 'storefront',
      environment: 'production',
      since_days: 56,
      thresholds: { error_rate_per_minute: 3, min_requests: 10, evidence: 'sequential' },
      watch: { warm_up_seconds: 5 },
    })
    const { out } = await roman([...args, '--json'], { ROMAN_URL: url })
    expect(JSON.parse(out)).toEqual(answer)
  })

  test('says that nothing would change, and how precision comes about', async () => {
    const same = {
      ...answer,
      headline: 'Of 1 deployments: 0 rollbacks more, 0 fewer',
      truncated: false,
      not_enough_data: [],
    }
    const today = { ...answer.today, labelled: 0 }
    const url = await serve({ backtest: async () => ({ ...same, today, rows: answer.rows.slice(0, 1) }) })
    const { all } = await roman(['backtest', '--since', '12h', '--set', 'recent_errors=40'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('backtest-same'))
  })

  test.each([
    ['nothing-set', []],
    ['no-setting', ['--set', 'error_rate=3']],
    ['no-value', ['--set', 'for_seconds']],
    ['no-time', ['--set', 'for_seconds=3', '--since', '3 years']],
  ])('%s is a usage error that says what to write', async (name, args) => {
    const { all, code } = await roman(['backtest', ...args])
    expect(code).toBe(2)
    await expect(all).toMatchFileSnapshot(snapshot(`error-backtest-${name}`))
  })
})

describe('help', () => {
  test.each(['explain', 'backtest'])('of %s', async (name) => {
    await expect((await roman([name, '--help'])).all).toMatchFileSnapshot(snapshot(`help-${name}`))
  })
})

describe('doctor', () => {
  test('warns of rules that would cry wolf, with what would help', async () => {
    const url = await serve({
      readiness: async () => {
        const check = { ok: true, detail: 'answers' }
        return { ready: true, checks: { database: check, migrations: check, temporal: check } }
      },
      thresholds: async ({ environment }) =>
        environment === 'staging' ? { ...noisy, warning: null, remedies: [] } : noisy,
    })
    const directory = mkdtempSync(join(tmpdir(), 'roman doctor-'))
    const config = join(directory, 'roman.yaml')
    const deployer = '{ type: command, argv: ["/bin/true"] }'
    writeFileSync(
      config,
      `services: { storefront: { environments: { production: { deployer: ${deployer} }, staging: { deployer: ${deployer} } } } }`,
    )
    const { out } = await roman(['doctor', '--json'], { ROMAN_URL: url, ROMAN_CONFIG: config, PATH: process.env.PATH })
    const findings: { name: string }[] = JSON.parse(out).findings
    expect(findings.filter(({ name }) => name.startsWith('Noise of'))).toMatchObject([
      {
        name: 'Noise of storefront in production',
        status: 'warning',
        found: expect.stringContaining(
          '3 errors a minute (what known-good deployments live with in their busier hours): 67%',
        ),
        way_out:
          'raise error_rate_per_minute to 11 (then 1%), or let a breach last with for_seconds: 120 (then less than 1%).',
      },
      { name: 'Noise of storefront in staging', status: 'ok', way_out: null },
    ])
    rmSync(directory, { recursive: true })
  })
})
