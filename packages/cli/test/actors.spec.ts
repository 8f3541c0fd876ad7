import type { AddActorRequest, RemoveActorRequest } from '@roman/contracts'
import { expect, test } from 'vitest'
import { frozen } from './records.ts'
import { roman, serve } from './screen.ts'

const snapshot = (name: string) => `screens/${name}.txt`
const USER = '0191d1a2-0000-7000-8000-0000000000aa'
const MEMBER = { kind: 'discord', identity: '80351110224678912' } as const
const known = { ...MEMBER, user_id: USER, name: 'Ada', added_at: frozen.frozen_at }

test('lists who is known', async () => {
  const ci = { ...known, kind: 'ci' as const, identity: 'github:octocat', name: null }
  const url = await serve({ listActors: async () => ({ actors: [ci, known] }) })
  const { all } = await roman(['actors', 'list'], { ROMAN_URL: url })
  await expect(all).toMatchFileSnapshot(snapshot('actors'))
})

test('adds one, in whose name they act', async () => {
  let sent: AddActorRequest | undefined
  const url = await serve({
    addActor: async (input) => {
      sent = input
      return { created: true, body: known }
    },
  })
  const { all } = await roman(['actors', 'add', 'discord', MEMBER.identity, USER, '--name', 'Ada'], { ROMAN_URL: url })
  await expect(all).toMatchFileSnapshot(snapshot('actors-add'))
  expect(sent).toEqual({ ...MEMBER, user_id: USER, name: 'Ada' })
})

test.each([
  ['actors-remove', 1, 0],
  ['actors-remove-nobody', 0, 1],
])('%s says whether anybody was known', async (name, removed, code) => {
  let sent: RemoveActorRequest | undefined
  const url = await serve({
    removeActor: async (input) => {
      sent = input
      return { success: true, removed }
    },
  })
  const screen = await roman(['actors', 'remove', 'discord', MEMBER.identity], { ROMAN_URL: url })
  expect(screen.code).toBe(code)
  await expect(screen.all).toMatchFileSnapshot(snapshot(name))
  expect(sent).toEqual(MEMBER)
})

test('refuses what is no Discord id before anything is kept', async () => {
  const { all, code } = await roman(['actors', 'add', 'discord', 'ada', USER], { ROMAN_URL: await serve({}) })
  expect(code).toBe(1)
  await expect(all).toMatchFileSnapshot(snapshot('error-no-discord-id'))
})
