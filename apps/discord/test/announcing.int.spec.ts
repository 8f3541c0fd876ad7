import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { type Database, openDatabase } from '@roman/db'
import { createLogger } from '@roman/runtime'
import { type TestTemporal, testDatabase, testTemporal } from '@roman/testing'
import { type DiscordStandIn, startDiscord } from '@roman/testing/discord'
import { ApplicationFailure } from '@temporalio/common'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { createAnnouncementStore } from '../src/announcement-store.ts'
import { type DiscordApp, startDiscordApp } from '../src/context.ts'
import { configFor, QUICK } from './app.ts'
import { APPROVED, RomanDouble } from './roman-double.ts'

const MAIN_QUEUE = `announcing-${randomUUID()}`

let temporal: TestTemporal
let db: Database
let worker: Worker
let connection: NativeConnection
let working: Promise<void>
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })
  temporal = await testTemporal()
  db = openDatabase((await testDatabase()).url)
  connection = await NativeConnection.connect({ address: temporal.address })
  worker = await Worker.create({
    connection,
    namespace: temporal.namespace,
    taskQueue: MAIN_QUEUE,
    workflowsPath: fileURLToPath(new URL('./fixtures/workflows.ts', import.meta.url)),
  })
  working = worker.run()
})
afterAll(async () => {
  worker.shutdown()
  await working
  await connection.close()
  await db.close()
})

let discord: DiscordStandIn
let app: DiscordApp
let queue: string
beforeEach(async () => {
  queue = `announcing-discord-${randomUUID()}`
  discord = await startDiscord({ rateLimit: { limit: 1_000, per_seconds: 5 } })
  app = startApp()
})
afterEach(async () => {
  await app.stop()
  await discord.close()
})

const startApp = () =>
  startDiscordApp(
    { ...configFor(discord), temporal_address: temporal.address, namespace: temporal.namespace, task_queue: queue },
    {
      api: new RomanDouble(),
      store: createAnnouncementStore(db),
      log: createLogger('discord', 'silent'),
      pace: QUICK,
    },
  )

const rollbackAndAnnouncement = async () => {
  const [deployment, target, event, announcement] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
  const place = { service: 'storefront', environment: randomUUID().slice(0, 8) }
  const common = { ...place, git_branch: 'main', policy: {} }
  await db.prisma.deployments.createMany({
    data: [
      { ...common, deployment_id: target, version: 'v2.5.2', git_commit: 'a7f3b29', status: 'success', fence: 1 },
      {
        ...common,
        deployment_id: deployment,
        version: 'v2.5.3',
        git_commit: 'deadbee',
        status: 'in_progress',
        fence: 2,
      },
    ],
  })
  await db.prisma.rollback_events.create({
    data: {
      ...place,
      event_id: event,
      deployment_id: deployment,
      target_deployment_id: target,
      trigger_type: 'automatic',
      trigger_reason: 'High error rate: 8.5 errors/minute',
      status: 'in_progress',
      phase: 'deploying',
      constitutional_validation: APPROVED,
      progress: { percent: 40, text: 'starting v2.5.2' },
    },
  })
  await db.prisma.announcements.create({
    data: {
      ...place,
      announcement_id: announcement,
      kind: 'rollback',
      dedupe_key: `rollback:${event}`,
      deployment_id: deployment,
      event_id: event,
    },
  })
  return { event, announcement }
}

const start = (announcement_id: string) =>
  temporal.client.workflow.start('announce', {
    taskQueue: MAIN_QUEUE,
    workflowId: `announce:${announcement_id}`,
    args: [{ announcement_id, task_queue: queue }],
  })
const verify = (event: string) =>
  db.prisma.rollback_events.update({
    where: { event_id: event },
    data: {
      status: 'success',
      phase: 'ended',
      completed_at: new Date(),
      moments: {
        decided: '2025-12-15T14:35:00.000Z',
        dispatched: '2025-12-15T14:35:00.200Z',
        live: '2025-12-15T14:35:04.200Z',
        verified: '2025-12-15T14:36:04.200Z',
      },
    },
  })
const headlines = () => discord.messages().map(({ content }) => content.split('\n')[0])

it('tells a rollback to its end, once, though the process changes in between', async () => {
  const { event, announcement } = await rollbackAndAnnouncement()
  await app.announcing
  const handle = await start(announcement)
  await discord.waitForMessage(({ content }) => content.includes('50% deploying: starting v2.5.2'), 15_000)
  await app.stop()
  await verify(event)
  app = startApp()
  await handle.result()
  expect(headlines()).toEqual(['🚨 ROLLBACK INITIATED', '✅ ROLLBACK COMPLETE'])
  expect(discord.messages()[1]?.content).toContain(
    'v2.5.2 is live, after 4.2 seconds. Health verified 60.0 seconds later.',
  )
  const kept = await db.prisma.announcement_messages.findMany({ where: { announcement_id: announcement } })
  expect(kept.map(({ part }) => part).sort()).toEqual(['initiated', 'outcome'])
})

it('tells it when Discord is back', async () => {
  await app.announcing
  discord.outage.rest({ status: 503 })
  const { event, announcement } = await rollbackAndAnnouncement()
  await verify(event)
  const handle = await start(announcement)
  await vi.waitFor(async () => {
    const { raw } = await handle.describe()
    expect(raw.pendingActivities?.[0]?.lastFailure?.message).toContain('Discord does not answer')
  }, 10_000)
  discord.outage.restore()
  await handle.result()
  expect(headlines()).toEqual(['🚨 ROLLBACK INITIATED', '✅ ROLLBACK COMPLETE'])
})

it('fails for good, with what a person has to do, where it may not write', async () => {
  await app.announcing
  discord.outage.denyChannel(discord.channelId)
  const { announcement } = await rollbackAndAnnouncement()
  const handle = await start(announcement)
  const failure = await handle.result().then(
    () => null,
    (error) => error.cause.cause as ApplicationFailure,
  )
  expect(failure).toBeInstanceOf(ApplicationFailure)
  expect(failure).toMatchObject({ type: 'DiscordForbidden', message: expect.stringContaining('"View Channel"') })
})
