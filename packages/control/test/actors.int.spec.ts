import { openDatabase } from '@roman/db'
import { asApplication, testDatabase } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { CALL, openTestControl } from './open-control.ts'

describe('who is who', async () => {
  const database = await testDatabase()
  const admin = openDatabase(database.url, { connectionsMax: 1 })
  afterAll(() => admin.close())
  const { control, opened } = await openTestControl(await asApplication(database))
  const [ada, ben] = [crypto.randomUUID(), crypto.randomUUID()]
  await admin.pool.query('INSERT INTO auth.users (id) VALUES ($1), ($2)', [ada, ben])
  const member = { kind: 'discord', user_id: null, discord_id: '80351110224678912', name: 'Ada' } as const
  const record = (version: string, actor: Parameters<typeof control.recordDeployment>[1]['actor'], more = {}) =>
    control.recordDeployment(
      { environment: 'production', version, git_commit: 'a7f3b29', git_branch: 'main', status: 'in_progress', ...more },
      { actor, idempotency_key: null },
    )
  const audited = async (type: string) =>
    (await opened.context.db.prisma.roman_events.findMany({ where: { event_type: type }, orderBy: { id: 'asc' } })).map(
      ({ metadata }) => (metadata as { actor: unknown }).actor,
    )

  it('keeps one user for an identity, says so again, and refuses another', async () => {
    const input = { kind: 'discord', identity: member.discord_id, user_id: ada, name: 'Ada' } as const
    expect(await control.addActor(input, CALL)).toMatchObject({ created: true, body: input })
    expect(await control.addActor(input, CALL)).toMatchObject({ created: false, body: input })
    await expect(control.addActor({ ...input, user_id: ben }, CALL)).rejects.toMatchObject({
      code: 'actor_conflict',
      details: { user_id: ada },
    })
    await expect(control.addActor({ ...input, user_id: crypto.randomUUID() }, CALL)).rejects.toMatchObject({
      code: 'unknown_user',
    })
    expect((await control.listActors()).actors).toEqual([{ ...input, added_at: expect.any(String) }])
    expect(await audited('actor_added')).toHaveLength(1)
  })

  it('puts what a Discord member does on record as what that user does', async () => {
    const { body } = await record('v1.0.0', CALL.actor)
    const answer = await control.executeRollback(
      { deployment_id: body.deployment_id, trigger_reason: 'Bad' },
      { actor: member, idempotency_key: null },
      { wait_ms: 0, signal: new AbortController().signal },
    )
    expect(await control.showRollback(answer.body.event_id)).toMatchObject({ initiated_by: ada })
    expect(await audited('rollback_requested')).toEqual([{ ...member, user_id: ada }])
  })

  it('names the user that an identity of CI is as who deployed, unless the pipeline names one itself', async () => {
    await control.addActor({ kind: 'ci', identity: 'github:ben', user_id: ben }, CALL)
    const ci = { kind: 'ci', user_id: null, ci_identity: 'github:ben' } as const
    const deployedBy = async (more = {}) => {
      const { body } = await record(`v${crypto.randomUUID()}`, ci, more)
      return (await control.showDeployment(body.deployment_id)).deployed_by
    }
    expect(await deployedBy()).toBe(ben)
    expect(await deployedBy({ deployed_by: ada })).toBe(ada)
    expect((await audited('deployment_recorded')).at(-1)).toEqual({ ...ci, user_id: ben })
  })

  it('lets who was removed act as nobody again, and keeps what was done', async () => {
    expect(await control.removeActor({ kind: 'ci', identity: 'github:ben' }, CALL)).toMatchObject({ removed: 1 })
    expect(await control.removeActor({ kind: 'ci', identity: 'github:ben' }, CALL)).toMatchObject({ removed: 0 })
    const { body } = await record('v3.0.0', { kind: 'ci', user_id: null, ci_identity: 'github:ben' })
    expect(await control.showDeployment(body.deployment_id)).toMatchObject({ deployed_by: null })
    expect(await audited('actor_removed')).toHaveLength(1)
  })
})
