import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChangeDeploymentRequest, RecordDeploymentRequest, RollbackView } from '@roman/contracts'
import { RomanError } from '@roman/contracts'
import type { Control } from '@roman/control'
import { describe, expect, test } from 'vitest'
import { EVENT, failed, frozen, live, refused, row, verified, waiting } from './records.ts'
import { roman, serve } from './screen.ts'

const snapshot = (name: string) => `screens/${name}.txt`

describe('help', () => {
  test.each([
    ['help', ['help']],
    ['help-rollback', ['rollback', '--help']],
    ['help-deploy-record', ['deploy', 'record', '--help']],
    ['help-dev', ['dev', '--help']],
    ['help-demo', ['demo', '--help']],
    ['help-freeze', ['freeze', '--help']],
    ['help-label', ['label', '--help']],
  ])('shows %s', async (name, args) => {
    const { all, code } = await roman(args)
    expect(code).toBe(0)
    await expect(all).toMatchFileSnapshot(snapshot(name))
  })
})

describe('status', () => {
  test('shows what is live, what is frozen, and what waits for people', async () => {
    const url = await serve({
      listDeployments: async () => ({ deployments: [live, waiting] }),
      listFreezes: async () => ({ freezes: [frozen] }),
    })
    const { all } = await roman(['status'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('status'))
  })

  test('says how to begin where nothing is live', async () => {
    const url = await serve({
      listDeployments: async () => ({ deployments: [] }),
      listFreezes: async () => ({ freezes: [] }),
    })
    const { all } = await roman(['status'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('status-empty'))
  })

  test('shows one deployment with its latest rollback, its laws and its timeline', async () => {
    const url = await serve({
      showDeployment: async () => ({ ...live, status: 'rolled_back', live: false }),
      history: async () => ({ rollbacks: [row] }),
      showRollback: async () => verified,
    })
    const { all } = await roman(['status', 'c0ffee01'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('status-rolled-back'))
  })

  test('shows the decision that waits, with the commands that make it', async () => {
    const url = await serve({ showDeployment: async () => waiting, history: async () => ({ rollbacks: [] }) })
    const { all } = await roman(['status', 'decade02'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('status-waiting'))
  })

  test('gives programs the API’s own JSON', async () => {
    const url = await serve({
      listDeployments: async () => ({ deployments: [live] }),
      listFreezes: async () => ({ freezes: [frozen, { ...frozen, environment: 'staging' }] }),
    })
    const { out } = await roman(['status', '--environment', 'production', '--json'], { ROMAN_URL: url })
    expect(JSON.parse(out)).toEqual({ deployments: [live], freezes: [frozen] })
  })
})

describe('history', () => {
  test('lists rollbacks', async () => {
    const url = await serve({
      history: async () => ({ rollbacks: [row, { ...row, status: 'in_progress', completed_at: null }] }),
    })
    const { all } = await roman(['history'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(snapshot('history'))
  })
})

describe('rollback', () => {
  const rolling = (end: RollbackView) => {
    const seen = [{ ...end, status: 'in_progress' as const, phase: 'deploying', steps: end.steps.slice(0, 2) }, end]
    return serve({
      executeRollback: (async () => ({
        kind: 'running',
        body: {
          success: true,
          event_id: EVENT,
          status: 'in_progress',
          phase: 'validating',
          target_deployment: null,
          snapshot_id: null,
          validation: null,
        },
      })) as Control['executeRollback'],
      showRollback: async () => (seen.length > 1 ? seen.shift()! : seen[0]!),
    })
  }

  test.each([
    ['verified', verified, 0],
    ['refused', refused, 1],
    ['failed', failed, 1],
  ])('follows one that ends %s, and its exit code says so', async (name, end, code) => {
    const url = await rolling(end)
    const screen = await roman(['rollback', 'v2.5.3', '--reason', 'Feature bug'], { ROMAN_URL: url })
    expect(screen.code).toBe(code)
    await expect(screen.all).toMatchFileSnapshot(snapshot(`rollback-${name}`))
  })

  test('keeps standard output to one JSON document with --json', async () => {
    const url = await rolling(verified)
    const { out, code } = await roman(['rollback', 'v2.5.3', '--reason', 'x', '--json'], { ROMAN_URL: url })
    expect(JSON.parse(out)).toEqual(verified)
    expect(code).toBe(0)
  })
})

describe('deploy record', () => {
  test('takes commit and branch from the repository it stands in', async () => {
    const repository = mkdtempSync(join(tmpdir(), 'roman cli-'))
    const git = (...args: string[]) => execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim()
    git('init', '-q', '-b', 'trunk')
    git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-q', '--allow-empty', '-m', 'first')
    let sent: RecordDeploymentRequest | undefined
    const url = await serve({
      recordDeployment: async (input) => {
        sent = input
        const { service, environment, version, git_commit, git_branch, deployment_id } = live
        const recorded = { service, environment, version, git_commit, git_branch, deployment_id }
        return {
          created: true,
          body: {
            ...recorded,
            status: 'pending',
            fence: 3,
            workflow_id: `guard:${deployment_id}`,
            phase: null,
            unfenced: false,
            warnings: ['v2.5.3 was never known-good in staging.'],
          },
        }
      },
    })
    const args = ['deploy', 'record', '--environment', 'production', '--version', 'v2.5.3', '--status', 'pending']
    const { all } = await roman(args, { ROMAN_URL: url }, repository)
    await expect(all).toMatchFileSnapshot(snapshot('deploy-record'))
    expect(sent).toMatchObject({ git_commit: git('rev-parse', 'HEAD'), git_branch: 'trunk' })
    rmSync(repository, { recursive: true })
  })

  test('reads Prisma’s folder: the checksum as Prisma has it, and what undoes it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'roman cli-'))
    const write = (name: string, file: string, text: string) => {
      mkdirSync(join(folder, 'migrations', name), { recursive: true })
      writeFileSync(join(folder, 'migrations', name, file), text)
    }
    write('20260102_coupon', 'migration.sql', 'create table b(n int)')
    write('20260102_coupon', 'down.sql', 'DROP TABLE b;')
    write('20260101_cart', 'migration.sql', 'create table a(n int)')
    writeFileSync(join(folder, 'migrations', 'migration_lock.toml'), 'provider = "postgresql"')
    let sent: ChangeDeploymentRequest | undefined
    const url = await serve({
      changeDeployment: async (_, input) => {
        sent = input
        throw new RomanError('deployment_not_found', 'Enough was seen.')
      },
    })
    const live = ['deploy', 'live', 'c0ffee01', '--migrations']
    await roman([...live, 'migrations'], { ROMAN_URL: url }, folder)
    expect(sent).toEqual({
      status: 'in_progress',
      migrations_tool: 'prisma',
      migrations: [
        { name: '20260101_cart', hash: 'dfa7db915d40f5d74bdf3bfeff28a74d14c2a89648be50207fb319731bde689f' },
        {
          name: '20260102_coupon',
          hash: 'cbe18dfbba9b223e3efdd43be0c52e762ebb4bd3fe0c0c295d961900dc6e8982',
          rollback_script: 'DROP TABLE b;',
        },
      ],
    })
    const empty = await roman([...live, '.'], { ROMAN_URL: url }, folder)
    expect(empty).toMatchObject({ code: 2, all: expect.stringContaining('. holds no migration') })
    const missing = await roman([...live, 'nowhere'], { ROMAN_URL: url }, folder)
    expect(missing).toMatchObject({ code: 2, all: expect.stringContaining('nowhere cannot be read') })
    rmSync(folder, { recursive: true })
  })

  test('says what is missing outside a repository', async () => {
    const { all, code } = await roman(['deploy', 'record', '--environment', 'production', '--version', 'v1'])
    expect(code).toBe(2)
    await expect(all).toMatchFileSnapshot(snapshot('error-no-repository'))
  })
})

describe('errors are one line with the way out', () => {
  test('the API’s own', async () => {
    const url = await serve({
      showDeployment: async () => {
        throw new RomanError(
          'deployment_not_found',
          'Deployment nope is not recorded. Give its id; "roman status" lists what is live.',
        )
      },
    })
    const { all, code } = await roman(['status', 'nope'], { ROMAN_URL: url })
    expect(code).toBe(1)
    await expect(all).toMatchFileSnapshot(snapshot('error-unknown-deployment'))
  })

  test.each([
    ['no-key', ['status'], { ROMAN_KEY: undefined }, 1],
    ['wrong-environment', ['status'], { ROMAN_API_PORT: 'eighty' }, 1],
    ['no-api', ['history'], { ROMAN_URL: 'http://127.0.0.1:4' }, 1],
    ['no-database', ['migrate'], { DATABASE_URL: 'postgres://roman:secret@127.0.0.1:4/roman' }, 1],
    ['no-reason', ['rollback', 'v2.5.3'], {}, 2],
    ['no-such-command', ['rolback'], {}, 2],
    ['wrong-status', ['deploy', 'record', '--environment', 'e', '--version', 'v', '--status', 'done'], {}, 2],
    ['wrong-port', ['dev', '--api-port', '99999'], {}, 2],
    ['same-port', ['dev', '--api-port', '8123', '--temporal-port', '8123'], {}, 2],
  ])('%s', async (name, args, variables, expected) => {
    const { all, code } = await roman(args, variables)
    expect(code).toBe(expected)
    await expect(all).toMatchFileSnapshot(snapshot(`error-${name}`))
  })

  test('and no stack trace unless it is asked for', async () => {
    expect((await roman(['status'], { ROMAN_KEY: undefined })).all).not.toMatch(/\n\s+at /)
    expect((await roman(['status', '--debug'], { ROMAN_KEY: undefined })).all).toMatch(/\n\s+at /)
  })
})

describe('doctor', () => {
  test('fails where something needed is broken, and says what to do', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'roman doctor-'))
    const config = join(directory, 'roman.yaml')
    writeFileSync(config, 'services: { shop: { environments: { production: { deployer: { type: magic } } } } }')
    const servers = { DATABASE_URL: 'postgres://roman:secret@127.0.0.1:4/roman', TEMPORAL_ADDRESS: '127.0.0.1:4' }
    const { out, code } = await roman(['doctor', '--json'], {
      ...servers,
      ROMAN_CONFIG: config,
      ROMAN_URL: 'http://127.0.0.1:4',
    })
    const { ok, findings } = JSON.parse(out)
    expect([code, ok]).toEqual([1, false])
    const broken = findings.filter(({ status }: { status: string }) => status === 'broken')
    expect(broken.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['Database', 'Temporal', 'Configuration', 'API']),
    )
    expect(out).toContain('services.shop.environments.production.deployer')
    expect(out).not.toContain('secret')
    for (const { way_out } of broken) expect(way_out).toMatch(/\w{4}/)
    rmSync(directory, { recursive: true })
  })

  test('warns where only errors are seen, and that is no failure of its own', async () => {
    const url = await serve({
      readiness: async () => {
        const check = { ok: true, detail: 'answers' }
        return { ready: true, checks: { database: check, migrations: check, temporal: check } }
      },
    })
    const { out } = await roman(['doctor', '--json'], {
      ROMAN_URL: url,
      ROMAN_CONFIG: join(import.meta.dirname, '../../../roman.yaml'),
      PATH: process.env.PATH,
      HOME: process.env.HOME,
    })
    const findings: { name: string; status: string }[] = JSON.parse(out).findings
    const of = (name: string) => findings.find((finding) => finding.name === name)?.status
    expect(of('Evidence of storefront in production')).toBe('warning')
    expect(of('Deployer of storefront in production')).toBe('ok')
    expect(of('API')).toBe('ok')
  })
})
