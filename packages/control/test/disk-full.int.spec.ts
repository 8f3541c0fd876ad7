import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { verifyDatabase } from '@roman/audit'
import { isRomanError } from '@roman/contracts'
import { migrate } from '@roman/db'
import { ownPostgres, temporaryDirectory, waitFor } from '@roman/testing'
import { afterAll, expect, test } from 'vitest'
import { CALL, openTestControl } from './open-control.ts'

const MIB = 1024 * 1024

/** A small disk of its own; false where nobody may mount one here. What a full disk is answered with is tested everywhere. */
const disk = temporaryDirectory('roman-disk')
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', disk.path]).status === 0
const servers: { stop(): Promise<void> }[] = []
afterAll(async () => {
  for (const server of servers) await server.stop()
  if (mounted) spawnSync('umount', [disk.path])
  disk.remove()
})

test.runIf(mounted)(
  'a disk that is full refuses what does not fit, loses nothing, and is worked with again',
  async () => {
    const server = await ownPostgres({
      dataDir: path.join(disk.path, 'data'),
      settings: { fsync: 'off', max_wal_size: '32MB' },
    })
    servers.push(server)
    await migrate(server.url)
    const { control, opened } = await openTestControl(server.url)
    const ballast = path.join(disk.path, 'ballast')
    const { bavail, bsize } = statfsSync(disk.path)
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - 8 * MIB))

    const acknowledged: string[] = []
    const recorded: string[] = []
    const record = async (version: string): Promise<void> => {
      const deployment = { environment: 'production', git_commit: 'a7f3b29', git_branch: 'main' }
      await control.recordDeployment({ ...deployment, version, status: 'in_progress' }, CALL)
      recorded.push(version)
    }
    const write = async (key: string): Promise<void> => {
      const rows = Array.from({ length: 50 }, (_, n) => ({
        environment: 'production',
        severity: 'info',
        // What cannot be compressed.
        message: randomBytes(3_750).toString('base64'),
        idempotency_key: `${key}:${n}`,
      }))
      await control.ingestErrors(rows)
      acknowledged.push(...rows.map(({ idempotency_key }) => idempotency_key))
    }
    await record('v-before')
    let refused: unknown
    for (let batch = 0; refused === undefined && batch < 1_000; batch += 1)
      await write(`before-${batch}`).catch((error) => {
        refused = error
      })
    await record('v-full').catch(() => {})
    expect(isRomanError(refused) && refused.status, String(refused)).toBe(503)

    rmSync(ballast)
    await waitFor(
      () =>
        write('after').then(
          () => true,
          () => false,
        ),
      { timeoutMs: 20_000, describe: 'writing again' },
    )
    const { rows } = await opened.context.db.pool.query(
      'SELECT idempotency_key AS key, length(message) AS length FROM ops.system_logs',
    )
    const stored = new Set(rows.filter(({ length }) => length === 5_000).map(({ key }) => key))
    expect(stored.size).toBe(rows.length)
    expect(acknowledged.filter((key) => !stored.has(key))).toEqual([])
    expect(acknowledged.length).toBeGreaterThan(100)
    await record('v-after')
    const deployments = await opened.context.db.prisma.deployments.findMany({ orderBy: { id: 'asc' } })
    expect(deployments.map(({ version }) => version)).toEqual(expect.arrayContaining(['v-before', 'v-after']))
    expect(deployments.map(({ version }) => version)).toEqual(expect.arrayContaining(recorded))
    expect(await verifyDatabase(opened.context.db)).toMatchObject({ findings: [], valid: true })
  },
)
