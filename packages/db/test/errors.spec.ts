import { describe, expect, it } from 'vitest'
import { openDatabase, reasonOf } from '../src/index.ts'

describe('the reason of an error is one line', () => {
  it('that Prisma says last, behind the code that asked', async () => {
    const db = openDatabase('postgres://nobody@127.0.0.1:1/nothing')
    const error = await db.prisma.live.findFirst().catch((refused: Error) => refused)
    expect((error as Error).message.split('\n')[0]).toBe('')
    expect(reasonOf(error)).toBe("Can't reach database server at 127.0.0.1:1")
    await db.close()
  })

  it.each<[unknown, string]>([
    [new Error('It failed'), 'It failed'],
    [new Error('\nInvalid invocation\n\nIt failed\n'), 'It failed'],
    [new AggregateError([new Error('connect ECONNREFUSED ::1:5432')]), 'connect ECONNREFUSED ::1:5432'],
    [Object.assign(new Error(''), { code: 'ETIMEDOUT' }), 'ETIMEDOUT'],
    [new TypeError(), 'TypeError'],
  ])('also of %o', (error, reason) => {
    expect(reasonOf(error)).toBe(reason)
  })
})
