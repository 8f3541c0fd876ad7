import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { describePolicy, explainRollback, type StoredStory } from '../src/analysis.ts'
import { DEFAULT_POLICY, mayRollBack } from '../src/index.ts'
import { breached, evidenceOf, target, thresholds } from './make.ts'

const at = (second: number) => new Date(Date.UTC(2026, 0, 5, 14, 0, second)).toISOString()
const inconsistent = { state: 'inconsistent', detail: 'migration 0004_pay failed' } as const

const rollback: StoredStory['rollbacks'][number] = {
  event_id: 'e1',
  initiated_at: at(31),
  initiated_by: null,
  trigger_type: 'automatic',
  trigger_reason: 'High error rate: 8.5 errors/minute',
  status: 'success',
  detail: 'No breach for 60 seconds',
  completed_at: at(120),
  target: { version: target.version, git_commit: target.git_commit },
  validation: null,
  trace: null,
  override: null,
  refused_event_id: null,
  moments: { decided: at(32), dispatched: at(33), live: at(40), verified: at(110) },
  snapshot: { at: at(32), text: 'Snapshot taken' },
}
const story: StoredStory = {
  service: 'storefront',
  environment: 'production',
  deployment: { deployment_id: 'bad', version: 'v2.5.3', git_commit: 'b7', deployed_at: at(0) },
  policy: DEFAULT_POLICY,
  baseline_breached: [],
  samples: [
    { at: at(30), phase: 'window', state: 'breach', reason: 'High error rate: 8.5 errors/minute' },
    { at: at(1), phase: 'window', state: 'healthy', reason: 'System healthy' },
    { at: at(2), phase: 'window', state: 'healthy', reason: 'System healthy' },
  ],
  verdicts: [
    {
      at: at(30),
      phase: 'window',
      kind: 'breach',
      reason: 'High error rate: 8.5 errors/minute',
      signals: [
        {
          signal: 'error_rate_per_minute',
          observed: 8.5,
          threshold: 5,
          exceeded: true,
          suppressed: false,
          state: 'breach',
        },
      ],
      fault_at: at(25),
    },
  ],
  decisions: [],
  observed: [],
  rollbacks: [rollback],
}
const told = (change: Partial<StoredStory>) => explainRollback({ ...story, ...change })
const refused: typeof rollback = {
  ...rollback,
  status: 'aborted',
  detail: null,
  completed_at: at(32),
  moments: {},
}
beforeAll(() => {
  const lawful = mayRollBack(breached)
  Object.assign(rollback, { validation: { ...lawful.validation, overridden: [] }, trace: lawful.trace })
  const { validation, trace } = mayRollBack(evidenceOf({ database: inconsistent }))
  Object.assign(refused, { validation, trace })
})

describe('a rollback', () => {
  it('is told in order, from the deployment to its end, with the rule, the laws and where each number came from', () => {
    const explained = explainRollback(story)
    expect(explained.outcome).toBe('rolled_back')
    expect(explained.headline).toBe(
      'storefront v2.5.3 in production was rolled back to v2.5.2: High error rate: 8.5 errors/minute',
    )
    expect(explained.lines).toEqual([
      { at: at(0), text: 'v2.5.3 (bad, commit b7) went live' },
      { at: at(1), text: 'Health healthy (window): System healthy' },
      { at: at(25), text: 'The first error of those that made the breach' },
      { at: at(30), text: 'Health breach (window): High error rate: 8.5 errors/minute' },
      { at: at(30), text: 'Verdict of the window: breach. High error rate: 8.5 errors/minute' },
      { at: at(30), text: 'The rule: error_rate_per_minute was 8.5, the threshold is 5' },
      { at: at(31), text: 'Rollback e1 asked for (automatic): High error rate: 8.5 errors/minute' },
      {
        at: at(32),
        text: 'Law of Inhabitance: upheld. Seen: risk_to_life 0 (migrations are kept; the database is consistent); required: risk_to_life 0',
      },
      {
        at: at(32),
        text: 'Law of Harmonic Attraction: upheld. Seen: harmonic_resonance at 7.83 Hz (target v2.5.2 is known-good); required: harmonic_resonance, or brute_force at 7.83 Hz',
      },
      {
        at: at(32),
        text: "Law of Total Coherence: upheld. Seen: entropy 0.85, entropy_increase -0.83 (the target's recorded entropy 0.02 less the present 0.85); required: entropy_increase 0 or less while entropy is 0.1 or more",
      },
      {
        at: at(32),
        text: 'Law of Structural Integrity: upheld. Seen: geometric_ratio 1.618 (4 of 4 structural checks hold); required: geometric_ratio within 0.1 of 1.618',
      },
      {
        at: at(32),
        text: 'stable_system: upheld. Seen: not stable; required: A system that is already stable is not rolled back unless a person asks for it.',
      },
      {
        at: at(32),
        text: 'no_target: upheld. Seen: v2.5.2 (a7f3b29); required: There must be an earlier known-good deployment to go back to.',
      },
      {
        at: at(32),
        text: 'database_inconsistent: upheld. Seen: consistent; required: The latest migration must have finished before code is moved under it.',
      },
      { at: at(32), text: 'Target: v2.5.2 (commit a7f3b29)' },
      { at: at(32), text: 'Snapshot taken' },
      { at: at(33), text: 'The deployer was asked to put the target back' },
      { at: at(40), text: 'The target was live' },
      { at: at(110), text: 'Its health was verified' },
      { at: at(120), text: 'Rollback e1 succeeded: No breach for 60 seconds' },
    ])
  })

  it('that was refused says for what, and every violation', () => {
    const explained = told({ rollbacks: [refused] })
    expect(explained.outcome).toBe('refused')
    expect(explained.headline).toBe(
      'storefront v2.5.3 in production was not rolled back: the constitution refused it for inhabitance, database_inconsistent. Asked for because: High error rate: 8.5 errors/minute',
    )
    const texts = explained.lines.map(({ text }) => text)
    expect(texts).toContain(
      'Law of Inhabitance: violated. Seen: risk_to_life 1 (the database is inconsistent (migration 0004_pay failed)); required: risk_to_life 0',
    )
    expect(texts).toContain('Rollback e1 was aborted')
    expect(explained.lines.find(({ text }) => text.startsWith('Target'))?.at).toBe(at(31))
  })

  it('by an override says who lifted what, why, and of which refusal', () => {
    const override = { violations: ['inhabitance', 'database_inconsistent'], reason: 'restored by hand', by: 'ada' }
    const validation = { ...(refused.validation as object), warnings: ['Careful'], overridden: override.violations }
    const lifted = {
      ...rollback,
      event_id: 'e2',
      initiated_at: at(60),
      override,
      validation,
      refused_event_id: 'e1',
      initiated_by: 'ada',
      moments: {},
    }
    const explained = told({ rollbacks: [lifted, refused] })
    expect(explained.headline).toBe(
      'storefront v2.5.3 in production was rolled back to v2.5.2, by an override of inhabitance, database_inconsistent: High error rate: 8.5 errors/minute',
    )
    const texts = explained.lines.filter((line) => line.at === at(60)).map(({ text }) => text)
    expect(texts.slice(0, 2)).toEqual([
      'Rollback e2 asked for (automatic by ada): High error rate: 8.5 errors/minute',
      'Override of the refused rollback e1 by ada of inhabitance, database_inconsistent: "restored by hand"',
    ])
    expect(texts.slice(-3)).toEqual([
      'Warning: Careful',
      'Lifted by the override: inhabitance, database_inconsistent',
      'Target: v2.5.2 (commit a7f3b29)',
    ])
    const anonymous = told({ rollbacks: [{ ...lifted, override: { ...override, by: null }, refused_event_id: null }] })
    expect(anonymous.lines.map(({ text }) => text)).toContain(
      'Override of inhabitance, database_inconsistent: "restored by hand"',
    )
  })

  it.each([
    [
      { status: 'failed', detail: 'The deployer exited 1' },
      'failed',
      'The rollback of storefront v2.5.3 in production to v2.5.2 failed. The deployer exited 1 Asked for because: High error rate: 8.5 errors/minute',
      'Rollback e1 failed: The deployer exited 1',
    ],
    [
      { status: 'aborted', detail: 'By ada', target: null },
      'aborted',
      'storefront v2.5.3 in production was not rolled back: the rollback was aborted. By ada',
      'Rollback e1 was aborted: By ada',
    ],
    [
      { status: 'aborted', detail: null, validation: null },
      'aborted',
      'storefront v2.5.3 in production was not rolled back: the rollback was aborted.',
      'Rollback e1 was aborted',
    ],
    [
      { status: 'in_progress', detail: null, target: null },
      'in_progress',
      'storefront v2.5.3 in production is being rolled back: High error rate: 8.5 errors/minute',
      'Rollback e1 is running',
    ],
    [
      { status: 'pending', detail: null },
      'in_progress',
      'storefront v2.5.3 in production is being rolled back to v2.5.2: High error rate: 8.5 errors/minute',
      'Rollback e1 is queued',
    ],
    [
      { status: 'odd', detail: null },
      'in_progress',
      'storefront v2.5.3 in production is being rolled back to v2.5.2: High error rate: 8.5 errors/minute',
      'Rollback e1 is odd',
    ],
  ])('with %j is %s', (change, outcome, headline, end) => {
    const explained = told({ rollbacks: [{ ...rollback, completed_at: null, ...change }] })
    expect(explained).toMatchObject({ outcome, headline })
    expect(explained.lines.at(-1)).toEqual({ at: null, text: end })
  })

  it('that succeeded is what counts, whatever was tried after it', () => {
    const later = { ...refused, event_id: 'e9', initiated_at: at(500), trigger_reason: 'again' }
    expect(told({ rollbacks: [later, rollback] })).toMatchObject({
      outcome: 'rolled_back',
      headline: explainRollback(story).headline,
    })
    const failed = { ...rollback, status: 'failed', initiated_at: at(20), trigger_reason: 'first' }
    expect(told({ rollbacks: [refused, failed] }).outcome).toBe('refused')
  })
})

describe('a deployment that was not rolled back', () => {
  const quiet = { rollbacks: [], samples: [], verdicts: [] }
  const healthy = {
    at: at(300),
    phase: 'window',
    kind: 'healthy',
    reason: 'System healthy',
    signals: [],
    fault_at: null,
  }
  const ended = { ...healthy, at: at(1800), phase: 'standby', kind: 'ended', reason: 'No breach within 1800 seconds' }
  const question = {
    asked_at: at(31),
    reason: 'High error rate',
    detail: null,
    violations: [],
    status: 'waiting',
    decided_at: null,
    decided_by: null,
    decision_reason: null,
  }

  it.each<[Partial<StoredStory>, string]>([
    [{ verdicts: [ended, healthy] }, 'healthy, System healthy'],
    [{ verdicts: [ended] }, 'ended, No breach within 1800 seconds'],
    [{ verdicts: [] }, 'no verdict is stored'],
    [
      { verdicts: [{ ...healthy, at: at(299), kind: 'inconclusive', reason: 'Blind' }, healthy] },
      'healthy, System healthy',
    ],
    [
      { verdicts: [healthy, { ...healthy, at: at(299), kind: 'inconclusive', reason: 'Blind' }] },
      'healthy, System healthy',
    ],
    [{ verdicts: [healthy], decisions: [{ ...question, status: 'expired' }] }, 'healthy, System healthy'],
    [
      { verdicts: story.verdicts },
      'a breach was seen (High error rate: 8.5 errors/minute), and nothing was asked of the deployer',
    ],
    [
      { verdicts: story.verdicts, decisions: [{ ...question, detail: 'automatic rollbacks are frozen by ada' }] },
      'a breach was seen (High error rate: 8.5 errors/minute), and people were asked, who have not answered yet: automatic rollbacks are frozen by ada',
    ],
    [
      {
        verdicts: story.verdicts,
        decisions: [
          { ...question, asked_at: at(90), status: 'expired', detail: '3 services are in breach together' },
          { ...question, status: 'superseded', detail: 'mode is ask' },
        ],
      },
      'a breach was seen (High error rate: 8.5 errors/minute), and people were asked, and nobody decided: 3 services are in breach together',
    ],
    [
      { verdicts: story.verdicts, decisions: [{ ...question, status: 'superseded' }] },
      'a breach was seen (High error rate: 8.5 errors/minute), and people were asked, whose answer was superseded',
    ],
    [
      {
        verdicts: story.verdicts,
        observed: [
          { at: at(31), detail: 'mode is observe; the constitution would refuse it' },
          { at: at(60), detail: 'mode is observe; the constitution would allow it' },
          { at: at(40), detail: 'mode is observe; nobody could say' },
        ],
      },
      'a breach was seen (High error rate: 8.5 errors/minute), and nothing was done: mode is observe; the constitution would allow it',
    ],
    [
      {
        verdicts: story.verdicts,
        decisions: [{ ...question, status: 'rejected', decided_by: 'ada', decision_reason: 'known' }],
      },
      'ada turned it down, "known"',
    ],
    [{ decisions: [{ ...question, status: 'rejected' }] }, 'a person turned it down'],
    [
      { decisions: [{ ...question, status: 'rejected', decided_by: 'ada', decision_reason: '' }] },
      'ada turned it down',
    ],
  ])('with %j says why not: %s', (change, why) => {
    expect(told({ ...quiet, ...change })).toMatchObject({
      outcome: 'not_rolled_back',
      headline: `storefront v2.5.3 in production was not rolled back: ${why}`,
    })
  })

  it('tells questions and answers', () => {
    const decisions = [
      { ...question, detail: 'mode is ask' },
      {
        ...question,
        asked_at: at(40),
        violations: ['stable_system', 'total_coherence'],
        status: 'approved',
        decided_at: at(50),
        decided_by: 'ada',
        decision_reason: 'go',
      },
      { ...question, asked_at: at(60), status: 'expired', decided_at: at(70) },
    ]
    const observed = [{ at: at(20), detail: 'mode is observe' }]
    expect(told({ ...quiet, decisions, observed }).lines.slice(1)).toEqual([
      { at: at(20), text: 'Nothing was done: mode is observe' },
      { at: at(31), text: 'People were asked: High error rate. Why: mode is ask' },
      { at: at(40), text: 'People were asked: High error rate; refused for stable_system, total_coherence' },
      { at: at(50), text: 'The answer: approved by ada, "go"' },
      { at: at(60), text: 'People were asked: High error rate' },
      { at: at(70), text: 'The answer: expired' },
    ])
  })

  it('tells a verdict without rules where it is no breach, and an unreadable signal where it is', () => {
    const signals = [{ ...story.verdicts[0]!.signals[0]!, observed: null }]
    expect(told({ ...quiet, verdicts: [{ ...healthy, signals, fault_at: at(4) }] }).lines).toHaveLength(2)
    const verdicts = [{ ...story.verdicts[0]!, signals, fault_at: null }]
    expect(
      told({ ...quiet, verdicts })
        .lines.slice(1)
        .map(({ text }) => text),
    ).toEqual([
      'Verdict of the window: breach. High error rate: 8.5 errors/minute',
      'The rule: error_rate_per_minute was not readable, the threshold is 5',
    ])
  })

  it('says what was in breach before it, and whether it ever was live', () => {
    const baseline_breached = ['error_rate_per_minute', 'recent_errors'] as const
    expect(told({ ...quiet, baseline_breached }).lines[1]).toEqual({
      at: at(0),
      text: 'In breach before it, and so not blamed on it at once: error_rate_per_minute, recent_errors',
    })
    expect(told({ ...quiet, deployment: { ...story.deployment, deployed_at: null } }).lines).toEqual([
      { at: null, text: 'v2.5.3 (bad, commit b7) never went live' },
    ])
  })

  it('keeps to the first and the last where health changed all the time', () => {
    const samples = Array.from({ length: 100 }, (_, second) => ({
      at: at(second),
      phase: 'window',
      state: second % 2 === 0 ? ('healthy' as const) : ('watching' as const),
      reason: `r${second}`,
    }))
    const { lines } = told({ ...quiet, samples })
    expect(lines).toHaveLength(42)
    expect(lines[20]?.text).toBe('Health healthy (window): r19'.replace('healthy', 'watching'))
    expect(lines[21]).toEqual({ at: at(20), text: 'Health changed 60 times more, which is left out here' })
    expect(lines[22]?.text).toBe('Health healthy (window): r80')
    expect(told({ ...quiet, samples: samples.slice(0, 40) }).lines).toHaveLength(41)
  })
})

describe('for any story', () => {
  it('nothing stored in an odd shape makes it throw', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.anything(),
        fc.constantFrom('aborted', 'success', 'failed'),
        (validation, trace, status) => {
          const { headline, lines } = told({ rollbacks: [{ ...rollback, status, validation, trace }] })
          expect(headline).not.toBe('')
          expect(lines.every(({ text }) => text !== '')).toBe(true)
        },
      ),
    )
    const odd = {
      findings: [{ law: 'older_law' }, 7],
      preconditions: [{ precondition: 'older', rule: 'Be good.', passed: true }],
      warnings: [3, 'w'],
    }
    const texts = told({ rollbacks: [{ ...rollback, validation: odd, trace: [{ field: 'risk_to_life' }] }] }).lines.map(
      ({ text }) => text,
    )
    expect(texts).toContain('older_law: violated. Seen: not stored; required: not stored')
    expect(texts).toContain('older: upheld. Seen: not stored; required: Be good.')
    expect(texts).toContain('Warning: w')
  })

  it('tells what is stored as far as it has the shape of something', () => {
    const odd = { violated: ['inhabitance', 7, null], findings: [{ law: 'inhabitance', observed: 7, required: true }] }
    const moments = { dispatched: null, live: at(40) }
    const told_ = told({
      rollbacks: [{ ...refused, validation: odd, trace: [{ field: 'description', from: 'x' }], moments }],
    })
    expect(told_.headline).toContain('refused it for inhabitance. Asked for')
    expect(told_.lines.filter((line) => line.at === null || line.at >= at(31)).map(({ text }) => text)).toEqual([
      'Rollback e1 asked for (automatic): High error rate: 8.5 errors/minute',
      'Law of Inhabitance: violated. Seen: 7; required: not stored',
      'Target: v2.5.2 (commit a7f3b29)',
      'Snapshot taken',
      'Rollback e1 was aborted',
      'The target was live',
    ])
    const none = told({ rollbacks: [{ ...refused, validation: 'lost', trace: 'lost' }] })
    expect(none.lines.filter(({ at: time }) => time === at(31))).toHaveLength(2)
    expect(none.outcome).toBe('aborted')
  })

  it('the order of what is stored does not matter', () => {
    const turned = { ...story, samples: [...story.samples].reverse(), verdicts: [...story.verdicts].reverse() }
    expect(explainRollback(turned)).toEqual(explainRollback(story))
  })

  it('times that cannot be read come last', () => {
    const samples = [{ at: 'never', phase: 'window', state: 'watching' as const, reason: 'x' }, ...story.samples]
    expect(told({ samples, rollbacks: [] }).lines.at(-1)?.text).toBe('Health watching (window): x')
  })
})

describe('the rules that were in force', () => {
  it('are told in plain words', () => {
    expect(explainRollback(story).rules).toEqual([
      'More than 5 errors a minute, counted over 60 seconds, are a breach.',
      'More than 50 errors in 5 minutes are a breach.',
      "More than 90% of the database's connections in use is a breach.",
      'P95 above 5000 ms and memory above 95% only warn.',
      'Watched for 300 seconds; a breach until 1800 seconds after the deployment may act by itself.',
      'Mode auto: A breach is rolled back by itself.',
    ])
    expect(told({ policy: null }).rules).toEqual(['The rules that were in force are not stored.'])
  })

  it('include every option that is on', () => {
    const options = {
      for_seconds: 10,
      min_requests: 20,
      error_percent: 5,
      evidence: 'sequential',
      false_alarm_bound: 0.02,
    } as const
    const watch = { ...DEFAULT_POLICY.watch, warm_up_seconds: 15 }
    expect(describePolicy({ mode: 'ask', watch, thresholds: { ...thresholds, ...options } })).toEqual([
      'Errors are a breach once they prove a rate above 5 a minute; false alarm at most 2% of deployments.',
      "More than 90% of the database's connections in use is a breach.",
      'P95 above 5000 ms and memory above 95% only warn.',
      'A breach counts once it has lasted 10 seconds.',
      'Errors count from 20 requests a minute on.',
      'Errors count above 5% of requests.',
      'In the first 15 seconds no breach counts.',
      'Watched for 300 seconds; a breach until 1800 seconds after the deployment may act by itself.',
      'Mode ask: A breach is put to people.',
    ])
    expect(describePolicy({ ...DEFAULT_POLICY, mode: 'observe' }).at(-1)).toBe(
      'Mode observe: A breach is only reported.',
    )
  })
})
