import { describe, expect, it } from 'vitest'
import { parseCommand } from '../src/parse-command.ts'

const asked = { kind: 'approve', deployment_id: 'abc-123', reason: 'Critical bug in payment flow', override: [] }

describe('a command is understood', () => {
  it.each([
    [
      'as the documentation writes it',
      '/approve rollback deployment_id=abc-123 reason="Critical bug in payment flow"',
      asked,
    ],
    [
      'in any order and over lines',
      ' /approve  rollback\nreason="Critical bug in payment flow"\n deployment_id=abc-123 ',
      asked,
    ],
    [
      'with the quotes a phone types',
      '/approve rollback deployment_id=abc-123 reason=“Critical bug in payment flow”',
      asked,
    ],
    [
      'without quotes around one word',
      '/approve rollback deployment_id="abc-123" reason=bug',
      { ...asked, reason: 'bug' },
    ],
    [
      'with signs escaped in quotes',
      '/approve rollback deployment_id=abc-123 reason="it said \\"no\\" \\\\ a=b"',
      { ...asked, reason: 'it said "no" \\ a=b' },
    ],
    [
      'with violations to override',
      '/approve rollback deployment_id=abc-123 reason=x override=stable_system,total_coherence,stable_system',
      { ...asked, reason: 'x', override: ['stable_system', 'total_coherence'] },
    ],
    [
      'with where to look for a version',
      '/approve rollback deployment_id=v2 reason=x environment=production service=shop',
      { ...asked, deployment_id: 'v2', reason: 'x', environment: 'production', service: 'shop' },
    ],
    ['when it asks for help', '/help rollback', { kind: 'help' }],
    ['when it asks for help in general', '/help', { kind: 'help' }],
  ])('%s', (_, text, command) => expect(parseCommand(text)).toEqual(command))
})

describe('a command that is not understood is answered with what is wrong', () => {
  it.each([
    ['', 'There is no command.'],
    ['hello', 'There is no command hello.'],
    ['/approve', '/approve is followed by the word rollback.'],
    ['/approve deployment deployment_id=a reason=b', '/approve is followed by the word rollback.'],
    ['/approve rollback', 'deployment_id is missing.'],
    ['/approve rollback deployment_id=a', 'reason is missing.'],
    ['/approve rollback deployment_id=a reason=""', 'reason is missing.'],
    ['/approve rollback deployment_id=a reason="  "', 'reason is missing.'],
    [
      '/approve rollback deployment_id=a reason=b force=yes',
      /^There is no force\. Keys: deployment_id, reason, override/,
    ],
    ['/approve rollback deployment_id=a deployment_id=b reason=c', 'deployment_id is given twice.'],
    ['/approve rollback deployment_id=a reason=Critical bug', /^bug is not of the form key=value/],
    ['/approve rollback deployment_id=a reason="open', 'The quotes of reason are not closed.'],
    ['/approve rollback deployment_id=a reason="b"c', 'c follows the quotes of reason directly.'],
    ['/approve rollback deployment_id=a reason=b override=everything', /^override names everything/],
    ['/approve rollback deployment_id=a reason=b override=', 'override names nothing.'],
    [`/approve rollback deployment_id=a reason="${'x'.repeat(2001)}"`, 'reason is longer than 2000 characters.'],
    ['/approve rollback constructor=a', /^There is no constructor/],
  ])('%s', (text, problem) => {
    const command = parseCommand(text)
    expect(command).toEqual({
      kind: 'misunderstood',
      problem: typeof problem === 'string' ? problem : expect.stringMatching(problem),
    })
  })
})
