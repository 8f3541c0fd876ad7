import { describe, expect, it } from 'vitest'
import { nonceOf } from '../src/nonce.ts'
import { initiatedAlert, outcomeAlert } from '../src/texts/alerts.ts'
import { helpText } from '../src/texts/help.ts'
import { noticeText } from '../src/texts/notices.ts'
import { fit, MESSAGE_MAX, plain } from '../src/texts/plain.ts'
import { progressBar } from '../src/texts/progress-bar.ts'
import { pendingReply, rollbackReply } from '../src/texts/replies.ts'
import { BAD, deployment, REFUSED, rollback, STABLE, stations, waitingDecision } from './roman-double.ts'

const BOT = '100000000000000001'
const EVENT = '5e000000-0000-4000-8000-000000000001'
const automatic = rollback({
  event_id: EVENT,
  trigger_type: 'automatic',
  trigger_reason: 'High error rate: 8.5 errors/minute',
})
const manual = rollback({ event_id: EVENT })
const asked = { deployment: 'abc-123', reason: 'Critical bug in payment flow' }
const FOOTER = `-# storefront · rollback ${EVENT}`

describe('the alerts', () => {
  const head = [
    `Deployment: v2.5.3 (${BAD})`,
    'Environment: production',
    'Reason: High error rate (8.5 errors/minute)',
    'Trigger: Automatic',
    'Target: v2.5.2 (a7f3b29)',
  ]

  it('announce a rollback in the documented words', () => {
    expect(initiatedAlert(stations(automatic).deploying, 'none').split('\n')).toEqual([
      '🚨 ROLLBACK INITIATED',
      '',
      ...head,
      'Constitutional Status: APPROVED',
      '',
      'R.O.M.A.N. is executing rollback...',
      FOOTER,
    ])
  })

  it('show how far it is', () => {
    expect(initiatedAlert(stations(automatic).deploying, 'shown').split('\n').at(-2)).toBe(
      '[██████████░░░░░░░░░░] 50% deploying: starting v2.5.2',
    )
  })

  it.each([
    ['completed', 'Undone, newest first: 2, 1', 'Migrations: Undone, newest first: 2, 1'],
    ['failed', 'Undone: 2. Not undone: 1 (boom).', '⚠️ Migrations: not all undone. Undone: 2. Not undone: 1 (boom).'],
  ] as const)('say of a verified end what became of migrations: %s', (status, detail, line) => {
    const { verified } = stations(automatic)
    const step = { step: 'undo_migrations', status, at: '2025-12-15T14:35:00Z', detail }
    const text = outcomeAlert({ ...verified, steps: [...verified.steps, step] }, 'replacement', BOT)
    expect(text.split('\n').at(-2)).toBe(line)
  })

  it('announce a verified end with its measured times', () => {
    expect(outcomeAlert(stations(automatic).verified, 'replacement', BOT).split('\n')).toEqual([
      '✅ ROLLBACK COMPLETE',
      '',
      ...head,
      'Constitutional Status: APPROVED',
      '',
      'v2.5.2 is live, after 4.2 seconds. Health verified 61.3 seconds later.',
      FOOTER,
    ])
  })

  it('say of a failure what is live now, and that a person is needed', () => {
    expect(outcomeAlert(stations(automatic).failed, 'failing', BOT).split('\n')).toEqual([
      '❌ ROLLBACK FAILED',
      '',
      ...head,
      'Constitutional Status: APPROVED',
      'Failure: the deployer exited with 1',
      `Live now: v2.5.3 (${BAD}), the deployment that was to be rolled back`,
      '',
      'Manual intervention required.',
      FOOTER,
    ])
    expect(outcomeAlert(stations(automatic).unhealthy, 'replacement', BOT)).toContain(
      'Live now: v2.5.2 (a7f3b29), put back by this rollback',
    )
  })

  it('give of a refusal each violation, its plain rule and the line that would override it', () => {
    expect(outcomeAlert(stations(automatic).refused, 'unknown', BOT).split('\n')).toEqual([
      '🚨 CONSTITUTIONAL VIOLATION',
      '',
      ...head,
      'Constitutional Status: REJECTED',
      '',
      `• ${STABLE}`,
      '-# stable\\_system: A system that is already stable is not rolled back unless a person asks for it.',
      '',
      'Rollback rejected. Nothing was changed.',
      'To override, somebody with an override role sends:',
      `\`<@${BOT}> /approve rollback deployment_id=${BAD} reason="why" override=stable_system\``,
      FOOTER,
    ])
  })

  it('offer no override where nothing lifts the violation', () => {
    const validation = { ...REFUSED, violations: ['No valid rollback target found'], violated: ['no_target'] }
    const text = outcomeAlert({ ...stations(automatic).refused, validation, target_deployment: null }, 'unknown', BOT)
    expect(text).toContain('Target: none')
    expect(text).toContain('Nothing lifts no\\_target. Mark an earlier deployment verified with "roman verify"')
    expect(text).not.toContain('override=')
  })

  it('name the person behind a manual rollback', () => {
    const view = {
      ...stations(manual).deploying,
      metadata: { actor: { kind: 'discord', user_id: null, discord_id: '1', name: 'Ada' } },
    }
    expect(initiatedAlert(view, 'none')).toContain('Trigger: Manual, by Ada')
  })
})

describe('the reply', () => {
  it('ends in the documented words, with the time from approval to live, then with health', () => {
    expect(rollbackReply(asked, stations(manual).verified, 'unknown', BOT).split('\n')).toEqual([
      '✅ Rollback approved by R.O.M.A.N.',
      '',
      'Deployment: abc-123',
      'Reason: Critical bug in payment flow',
      'Target: v2.5.2 (commit: a7f3b29)',
      'Constitutional Validation: PASSED',
      '',
      'Executing rollback...',
      '[████████████████████] 100%',
      '✅ Rollback complete (4.2 seconds)',
      '✅ Health verified (61.3 seconds after it went live)',
      FOOTER,
    ])
  })

  it('is complete when live and says that health is still being verified', () => {
    const text = rollbackReply(asked, stations(manual).live, 'unknown', BOT)
    expect(text).toContain('✅ Rollback complete (4.2 seconds)\n⏳ Verifying health...')
  })

  it('does not call a failure complete', () => {
    const text = rollbackReply(asked, stations(manual).failed, 'failing', BOT)
    expect(text).toContain('❌ Rollback failed: the deployer exited with 1')
    expect(text).not.toContain('complete')
  })

  it('tells a refusal with the way to override it', () => {
    const text = rollbackReply(asked, stations(manual).refused, 'unknown', BOT)
    expect(text).toMatch(/^❌ Rollback rejected by R\.O\.M\.A\.N\./)
    expect(text).toContain('override=stable_system')
  })

  it('says so when the constitution was overridden', () => {
    const view = { ...stations(manual).deploying, validation: REFUSED, refused_event_id: EVENT }
    expect(rollbackReply(asked, view, 'unknown', BOT)).toContain(
      'Constitutional Validation: OVERRIDDEN (stable\\_system)',
    )
  })
})

describe('text from people', () => {
  it.each([
    ['@everyone look', '\\@everyone look'],
    ['<@123> and <@&456> in <#789>', '\\<@123> and \\<@&456> in \\<#789>'],
    [
      '**bold** _it_ ~~no~~ ||spoiler|| `code`',
      '\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~ \\|\\|spoiler\\|\\| \\`code\\`',
    ],
    ['[click](https://evil.example)', '\\[click\\](https://evil.example)'],
    ['fine\n\n✅ ROLLBACK COMPLETE\r\n# big', 'fine ✅ ROLLBACK COMPLETE # big'],
    ['a\u202egnirts\u202c\u200b', 'agnirts'],
    ['back\\', 'back\\\\'],
    ['High error rate (8.5 errors/minute) a@b.example', 'High error rate (8.5 errors/minute) a@b.example'],
  ])('stays literal and in its place: %j', (text, shown) => expect(plain(text)).toBe(shown))

  it('is cut between characters, never between an escape and its sign', () => {
    expect(plain('👩‍💻'.repeat(300), 10)).toMatch(/…$/u)
    expect(plain('*'.repeat(20), 6)).toBe('\\*\\*…')
  })

  it('never makes a message too long for Discord, and never costs it its facts', () => {
    const wild = '\\`*_|'.repeat(400)
    const validation = { ...REFUSED, violations: Array.from({ length: 30 }, (_, index) => `${index} ${wild}`) }
    const view = { ...stations(manual).refused, trigger_reason: wild, version: wild, detail: wild, validation }
    const alert = outcomeAlert(view, 'unknown', BOT)
    expect(alert.length).toBeLessThanOrEqual(MESSAGE_MAX)
    expect(alert).toContain('Constitutional Status: REJECTED')
    expect(alert).toContain('override=stable_system')
    expect(alert).toMatch(/… and \d+ more lines$/)
    const reply = rollbackReply(
      { deployment: wild, reason: wild },
      { ...stations(manual).failed, detail: wild },
      'failing',
      BOT,
    )
    expect(reply.length).toBeLessThanOrEqual(MESSAGE_MAX)
    expect(reply).toContain('Manual intervention required.')
    expect(pendingReply({ deployment: wild, reason: wild }).length).toBeLessThanOrEqual(MESSAGE_MAX)
    expect(fit(['x'.repeat(3000)])).toHaveLength(MESSAGE_MAX)
  })
})

describe('notices', () => {
  const announcement = {
    announcement_id: 'a',
    service: 'storefront',
    environment: 'production',
    deployment_id: BAD,
    event_id: null,
    decision_id: waitingDecision().decision.decision_id,
    payload: { reason: 'High error rate: 8.5 errors/minute' },
    created_at: '2025-12-15T14:35:00Z',
  }

  it('ask for a decision with what else it would do', () => {
    const warning = 'Migrations newer than the target will be undone: 1_cart'
    const payload = { ...announcement.payload, warning }
    const text = noticeText({ ...announcement, kind: 'decision', payload }, null, BOT)
    expect(text).toContain('Warning: Migrations newer than the target will be undone: 1\\_cart')
  })

  it('ask for a decision, and until when', () => {
    const view = deployment({ guard: waitingDecision() })
    expect(noticeText({ ...announcement, kind: 'decision' }, view, BOT).split('\n')).toEqual([
      '⚠️ DECISION NEEDED',
      '',
      `Deployment: v2.5.3 (${BAD})`,
      'Environment: production',
      'Reason: High error rate: 8.5 errors/minute',
      '',
      'Approve to roll back, reject to keep it live.',
      `R.O.M.A.N. waits until <t:${Date.parse('2025-12-15T15:05:00Z') / 1000}:t>.`,
      '-# storefront',
    ])
  })

  it('give the override line with a refusal that can be overridden', () => {
    const payload = { ...announcement.payload, violations: ['total_coherence'] }
    const text = noticeText({ ...announcement, kind: 'decision', payload }, null, BOT)
    expect(text).toContain('Constitutional Status: REJECTED')
    expect(text).toContain(`\`<@${BOT}> /approve rollback deployment_id=${BAD} reason="why" override=total_coherence\``)
  })

  it.each([
    'decision_expired',
    'late_breach',
    'observed',
    'inconclusive',
    'blind',
    'baseline',
    'unfenced',
    'undo_failed',
    'orphaned',
  ] as const)('have a form of their own for %s', (kind) => {
    const text = noticeText({ ...announcement, kind }, null, BOT)
    expect(text).toContain(`Deployment: ${BAD}`)
    expect(text).toContain('Reason: High error rate: 8.5 errors/minute')
    expect(text.split('\n')[0]).toMatch(/^\S+ [A-Z ]+$/u)
  })
})

it('help shows the form word for word', () => {
  expect(helpText(BOT)).toContain('/approve rollback deployment_id=abc-123 reason="Critical bug in payment flow"')
})

it('the progress bar grows with the deploy and never past live', () => {
  const at = (phase: string, percent: number | null) =>
    progressBar({ phase, progress: percent === null ? null : { percent, text: '' } })
  expect(at('queued', null)).toBe('[░░░░░░░░░░░░░░░░░░░░] 0% queued')
  expect(at('deploying', 0)).toBe('[████░░░░░░░░░░░░░░░░] 20% deploying')
  expect(at('deploying', 500)).toBe('[███████████████████░] 95% deploying')
  expect(at('deploying', -3)).toBe('[████░░░░░░░░░░░░░░░░] 20% deploying')
  expect(at('verifying', null)).toBe('[████████████████████] 100%')
})

it('a nonce is within what Discord takes, and differs for every part', () => {
  expect(nonceOf('a'.repeat(36), 'initiated')).toHaveLength(25)
  expect(nonceOf('a', 'bc')).not.toBe(nonceOf('ab', 'c'))
})
