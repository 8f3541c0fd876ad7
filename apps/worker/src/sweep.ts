import { judgeSample } from '@roman/constitution'
import { ask, brakeFor, type ControlContext, expireDecision, keepSamples, readHealth } from '@roman/control'
import { type SourcePool, withSources } from '@roman/health'

const CHUNK = 500

/**
 * Goes on watching what no guard watches any more: everything live whose guard has ended, set-based and without a
 * workflow. A breach this late is put to people, since the deployment is a less likely cause by then.
 */
export const sweep = async (context: ControlContext, sources: Pick<SourcePool, 'latest'>): Promise<void> => {
  await expireLateQuestions(context)
  const live = await context.db.prisma.deployments.findMany({
    where: {
      live: { isNot: null },
      OR: [{ guard: { ended_at: { not: null } } }, { guard: null, rollback_from: { not: null } }],
    },
  })
  for (let start = 0; start < live.length; start += CHUNK) {
    const chunk = live.slice(start, start + CHUNK)
    const readings = await readHealth(
      context.db,
      chunk.map((row) => row.deployment_id),
    )
    for (const reading of readings) {
      if (reading.rollback_open) continue
      // Asked for also because asking is what keeps the environment's probes going.
      const sample = withSources(reading.sample, sources.latest(reading.service, reading.environment))
      const verdict = judgeSample(sample, reading.policy.thresholds, { after_window: true })
      if (verdict.state !== 'breach') continue
      const deployment = chunk.find((row) => row.deployment_id === reading.deployment_id)!
      const waitMs = reading.policy.decision_wait_seconds * 1000
      const asked = await context.db.prisma.decisions.findFirst({
        where: { deployment_id: reading.deployment_id, asked_at: { gt: new Date(reading.at_ms - waitMs) } },
      })
      if (await hasNoTarget(context, deployment)) continue
      // People have this question already, or have just answered it.
      if (asked !== null) continue
      const braked = await brakeFor(context, deployment, { late: true })
      if (braked.action === 'observe') continue
      await keepSamples(context, [
        {
          deployment_id: reading.deployment_id,
          phase: 'sweep',
          state: verdict.state,
          reason: verdict.reason,
          sample,
        },
      ])
      await ask(context, deployment, {
        // Two workers that sweep at once ask one question.
        key: `late:${Math.floor(reading.at_ms / waitMs)}`,
        kind: 'late_breach',
        reason: verdict.reason,
        detail: braked.reason,
      })
    }
  }
}

/** Where there is nothing to go back to, a question could only be answered in vain; people were told of that already. */
const hasNoTarget = async (
  context: ControlContext,
  deployment: { deployment_id: string; service: string; environment: string; git_commit: string },
): Promise<boolean> =>
  (await context.db.prisma.deployments.count({
    where: {
      service: deployment.service,
      environment: deployment.environment,
      status: 'success',
      health_check_passed: true,
      deployment_id: { not: deployment.deployment_id },
      git_commit: { not: deployment.git_commit },
    },
  })) === 0

/** Late questions have no workflow that would end them. */
const expireLateQuestions = async (context: ControlContext): Promise<void> => {
  const old = await context.db.prisma.decisions.findMany({
    where: { kind: 'late_breach', status: 'waiting', expires_at: { lt: new Date() } },
    take: CHUNK,
  })
  for (const { decision_id } of old) await expireDecision(context, decision_id)
}
