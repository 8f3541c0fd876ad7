import { format } from 'node:util'
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect'

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)
const expect = Object.assign((...given) => chai.expect(...given), chai.expect, globalThis[ASYMMETRIC_MATCHERS_OBJECT])
globalThis[GLOBAL_EXPECT] = expect
setState({ assertionCalls: 0 }, expect)

/** The part of vitest that the specs of this package use: `expect` is vitest's own, the rest only collects tests. */
export function specs() {
  const tests = []
  const ids = new Set()
  const suite = []
  const setups = []
  const describe = (name, body) => {
    suite.push(name)
    body()
    suite.pop()
  }
  const it = (name, body) => {
    let id = [...suite, name].join(' > ')
    // Two rows of a table may read the same.
    while (ids.has(id)) id += "'"
    ids.add(id)
    const before = [...setups]
    tests.push({
      id,
      body: async () => {
        for (const setUp of before) await setUp()
        await body()
      },
    })
  }
  let done = new Map()
  const beforeAll = (body) => {
    setups.push(() => {
      if (!done.has(body)) done.set(body, Promise.resolve(body()))
      return done.get(body)
    })
  }
  // What one mutant was set up with is not for the next.
  const setUpAgain = () => {
    done = new Map()
  }
  describe.each = each(describe)
  it.each = each(it)
  return { vitest: { __esModule: true, describe, it, expect, beforeAll }, tests, setUpAgain }
}

const each = (add) => (rows) => (name, body) => {
  for (const row of rows) {
    const values = Array.isArray(row) ? row : [row]
    add(format(name, ...values), () => body(...values))
  }
}
