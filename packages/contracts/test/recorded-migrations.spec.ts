import { describe, expect, it } from 'vitest'
import { recordDeploymentRequest } from '../src/schemas/index.ts'

const request = (migrations: unknown) =>
  recordDeploymentRequest.safeParse({
    environment: 'production',
    version: 'v1',
    git_commit: 'a7f3b29',
    git_branch: 'main',
    migrations,
  })
const one = { name: '1_cart', hash: 'abc' }

describe('migrations in a request', () => {
  it('keep their scripts as they were written', () => {
    const rollback_script = '\n  DROP TABLE cart;\n'
    expect(request([{ ...one, rollback_script }]).data?.migrations).toEqual([{ ...one, rollback_script }])
    expect(request([]).success).toBe(true)
  })

  it.each([
    ['a migration twice', [one, one], 'names a migration twice'],
    [
      'too many',
      Array.from({ length: 501 }, (_, index) => ({ ...one, name: `${index}` })),
      'expected array to have <=500',
    ],
    ['no hash', [{ name: '1_cart' }], 'expected string'],
    ['a script that is too long', [{ ...one, rollback_script: 'x'.repeat(65_537) }], '<=65536'],
    ['a script with NUL', [{ ...one, rollback_script: 'SELECT 1\u0000' }], 'NUL'],
    ['a time that is none', [{ ...one, applied_at: 'yesterday' }], 'Invalid ISO datetime'],
    ['a time that no clock says', [{ ...one, applied_at: '0001-01-01T00:00:00Z' }], 'must not be before 1970'],
    ['a negative duration', [{ ...one, execution_time_ms: -1 }], '>=0'],
    ['an unknown field', [{ ...one, down: 'DROP TABLE cart' }], 'Unrecognized key: "down"'],
  ])('are refused with %s', (_, migrations, said) => {
    const issues = request(migrations).error?.issues ?? []
    expect(issues.map(({ message }) => message).join()).toContain(said)
    expect(issues[0]?.path[0]).toBe('migrations')
  })
})
