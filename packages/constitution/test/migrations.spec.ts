import { describe, expect, it } from 'vitest'
import { deriveActionProfile } from '../src/action-profile.ts'
import { mayRollBack, migrationWarning, type NewerMigration, plannedUndo } from '../src/index.ts'
import { evidenceOf } from './make.ts'

const scripted = [
  { name: '0003_more', has_rollback_script: true },
  { name: '0002_add', has_rollback_script: true },
]
const unscripted = { name: '0004_bare', has_rollback_script: false }
const changed = { name: '0005_edited', has_rollback_script: true, obstacle: 'its file has changed' }
const consistent = { state: 'consistent', detail: null } as const
const inconsistent = { state: 'inconsistent', detail: 'migration 0004 failed' } as const

describe('migrations newer than the target', () => {
  it.each<['keep' | 'undo', NewerMigration[], typeof consistent | typeof inconsistent, string | null]>([
    ['undo', [], consistent, null],
    ['keep', scripted, consistent, 'stay in place: 0002_add, 0003_more'],
    ['undo', scripted, consistent, 'will be undone: 0002_add, 0003_more'],
    [
      'undo',
      [unscripted, ...scripted],
      consistent,
      'stay in place if this is overridden: 0002_add, 0003_more, 0004_bare',
    ],
    ['undo', [changed], consistent, 'stay in place if this is overridden: 0005_edited'],
    ['undo', scripted, inconsistent, 'stay in place if this is overridden: 0002_add, 0003_more'],
    ['keep', [unscripted], inconsistent, 'stay in place: 0004_bare'],
  ])('with %s, %j and a database that is %j are said to %s', (policy, newer, database, said) => {
    const warning = said === null ? null : `Migrations newer than the target ${said}`
    expect(migrationWarning({ policy, newer }, database)).toBe(warning)
    const { warnings } = deriveActionProfile(evidenceOf({ migrations: { policy, newer }, database }))
    expect(warnings).toEqual(warning === null ? [] : [warning])
  })

  it('each say why they cannot be undone', () => {
    const evidence = evidenceOf({ migrations: { policy: 'undo', newer: [changed, unscripted, ...scripted] } })
    expect(mayRollBack(evidence).validation.violated).toEqual(['inhabitance'])
    expect(deriveActionProfile(evidence).trace[1]).toMatchObject({
      value: 1,
      from: 'these migrations have no rollback script: 0004_bare; these migrations cannot be undone: 0005_edited (its file has changed)',
    })
  })

  it('are undone in the order given, which is newest first', () => {
    expect(plannedUndo({ policy: 'undo', newer: scripted }, [])).toEqual(['0003_more', '0002_add'])
    expect(plannedUndo({ policy: 'undo', newer: scripted }, ['stable_system'])).toEqual(['0003_more', '0002_add'])
  })

  it('are all kept under keep, and where the risk was overridden', () => {
    expect(plannedUndo({ policy: 'keep', newer: scripted }, [])).toEqual([])
    expect(plannedUndo({ policy: 'undo', newer: [unscripted, ...scripted] }, ['inhabitance'])).toEqual([])
  })
})
