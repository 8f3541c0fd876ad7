import type { Control } from '@roman/control'

/** `Control` as far as one test needs it. Every other method fails the test that calls it unexpectedly. */
export const fakeControl = (answers: Partial<Control>): Control =>
  new Proxy(answers as Control, {
    get: (target, name: keyof Control) =>
      target[name] ??
      (() => {
        throw new Error(`control.${String(name)} was not expected to be called`)
      }),
  })

const deployment_id = '0191d1a2-0000-7000-8000-000000000001'
export const event_id = '0191d1a2-0000-7000-8000-0000000000e1'

export const rollbackBody = {
  success: true,
  event_id,
  status: 'success' as const,
  phase: 'ended',
  target_deployment: {
    deployment_id,
    version: 'v2.5.2',
    git_commit: 'a7f3b29',
    deployed_at: '2025-12-15T13:45:00Z',
    health_check_passed: true,
  },
  snapshot_id: '0191d1a2-0000-7000-8000-0000000000a1',
  validation: { compliant: true, violations: [], warnings: [] },
}
