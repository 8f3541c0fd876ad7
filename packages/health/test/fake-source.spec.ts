import { sourceCompliance } from './compliance.ts'
import { fakeSource, saying } from './fake-source.ts'

sourceCompliance(
  'the fake of the tests',
  async () => ({
    secrets: [],
    close: async () => {},
    async source(situation) {
      const source = fakeSource()
      if (situation === 'fails') source.says = saying({ failures: [{ message: 'm', idempotency_key: 'k' }] })
      if (situation === 'cannot see') source.says = saying({ unavailable: ['fake'] })
      if (situation === 'hangs') source.says = new Promise(() => {})
      return source
    },
  }),
  { works: 'measured', fails: 'sick', 'cannot see': 'blind', hangs: 'blind' },
)
