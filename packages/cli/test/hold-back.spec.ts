import type { FreezeRequest, LabelRequest, ReleaseRequest } from '@roman/contracts'
import { describe, expect, test } from 'vitest'
import { EVENT, frozen, live, NOW } from './records.ts'
import { roman, serve } from './screen.ts'

const snapshot = (name: string) => `screens/${name}.txt`
const USER = '0191d1a2-0000-7000-8000-0000000000aa'

describe('freeze', () => {
  test('says what it stops, and how it is lifted again', async () => {
    let sent: FreezeRequest | undefined
    const url = await serve({
      freeze: async (input) => {
        sent = input
        const warnings = [
          'Automatic rollbacks stop, and deployments that ask first are refused; people can still roll back, approve and override.',
        ]
        return { created: true, body: { ...frozen, service: 'storefront', frozen_at: NOW.toISOString(), warnings } }
      },
    })
    const place = ['--service', 'storefront', '--environment', 'production']
    const { all } = await roman(['freeze', ...place, '--reason', 'Black Friday', '--as', USER], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('freeze'))
    expect(sent).toEqual({
      service: 'storefront',
      environment: 'production',
      reason: 'Black Friday',
      initiated_by: USER,
    })
  })

  test('lists what is frozen', async () => {
    const url = await serve({ listFreezes: async () => ({ freezes: [frozen, { ...frozen, environment: null }] }) })
    const { all } = await roman(['freezes'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('freezes'))
  })

  test.each([
    ['unfreeze', 1, 0],
    ['unfreeze-nothing', 0, 1],
  ])('%s says what stays frozen at that place, and fails where it lifted nothing', async (name, unfrozen, code) => {
    const url = await serve({
      unfreeze: async () => ({
        success: true,
        unfrozen,
        warnings: unfrozen > 0 ? ['What breached meanwhile stays with the people who were asked.'] : [],
      }),
      listFreezes: async () => ({ freezes: [frozen, { ...frozen, environment: 'staging' }] }),
    })
    const place = ['--service', 'storefront', '--environment', 'production']
    const screen = await roman(['unfreeze', ...place, '--reason', 'Over'], { ROMAN_URL: url })
    expect(screen.code).toBe(code)
    await expect(screen.all).toMatchFileSnapshot(snapshot(name))
  })
})

describe('quarantine', () => {
  const held = {
    service: 'storefront',
    environment: 'production',
    git_commit: 'c41d8e0',
    status: 'quarantined' as const,
    event_id: EVENT,
    created_at: frozen.frozen_at,
  }

  test('lists commits that may not be deployed again', async () => {
    const url = await serve({ listQuarantine: async () => ({ quarantine: [{ ...held, status: 'hold' }, held] }) })
    const { all } = await roman(['quarantine'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('quarantine'))
  })

  test.each([
    ['release', 1, 0],
    ['release-nothing', 0, 1],
  ])('%s says whether the commit is free', async (name, released, code) => {
    let sent: ReleaseRequest | undefined
    const url = await serve({
      releaseQuarantine: async (input) => {
        sent = input
        return { success: true, released }
      },
    })
    const args = ['release', 'c41d8e0', '--environment', 'production', '--reason', 'It was the database']
    const screen = await roman(args, { ROMAN_URL: url })
    expect(screen.code).toBe(code)
    await expect(screen.all).toMatchFileSnapshot(snapshot(name))
    expect(sent).toEqual({ git_commit: 'c41d8e0', environment: 'production', reason: 'It was the database' })
  })
})

describe('label', () => {
  test('keeps what people say of a guard', async () => {
    let sent: LabelRequest | undefined
    const url = await serve({
      label: async (_, input) => {
        sent = input
        return { success: true, deployment_id: live.deployment_id, label: input.label }
      },
    })
    const { all } = await roman(['label', 'v2.5.3', 'false_alarm'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('label'))
    expect(sent).toEqual({ label: 'false_alarm' })
  })

  test('takes no other word', async () => {
    const { all, code } = await roman(['label', 'v2.5.3', 'wrong'])
    expect(code).toBe(2)
    await expect(all).toMatchFileSnapshot(snapshot('error-wrong-label'))
  })
})
