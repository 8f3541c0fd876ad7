import { judgeSample, toHealthReport } from '@roman/constitution'
import {
  ask,
  brakeFor,
  type ControlContext,
  expireDecision,
  findTarget,
  type HealthReading,
  keepSamples,
  readHealth,
  tellOfLateBreach,
} from '@roman/control'
import { type SourcePool, withSources } from '@roman/health'

const CHUNK = 500

/**
 * Goes on watching what no guard watches any more: everything live whose guard has ended, set-based and without a
 * workflow. A breach this late is put to people, since the deployment is a less likely cause by then; where there is nothing
 * to go back to, they are told.
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
      const deployment = chunk.find((row) => row.deployment_id === reading.deployment_id)!
      // One deployment's trouble must not keep the ones behind it unwatched.
      await sweepOne(context, sources, deployment, reading).catch((error) =>
        context.log.error(
          { deployment_id: reading.deployment_id, reason: (error as Error).message },
          'A deployment could not be swept and is tried again',
        ),
      )
    }
  }
}

const sweepOne = async (
  context: ControlContext,
  sources: Pick<SourcePool, 'latest'>,
  deployment: Parameters<typeof ask>[1],
  reading: HealthReading,
): Promise<void> => {
  if (reading.rollback_open) return
  // Asked for also because asking is what keeps the environment's probes going.
  const sample = withSources(reading.sample, sources.latest(reading.service, reading.environment))
  const verdict = judgeSample(sample, reading.policy.thresholds, { after_window: true })
  if (verdict.state !== 'breach') return
  const waitMs = reading.policy.decision_wait_seconds * 1000
  const since = new Date(reading.at_ms - waitMs)
  const asked = await context.db.prisma.decisions.findFirst({
    where: { deployment_id: reading.deployment_id, kind: { not: 'verify' }, asked_at: { gt: since } },
  })
  // People have this question already, or have just answered it.
  if (asked !== null) return
  const braked = await brakeFor(context, deployment, { late: true })
  if (braked.action === 'observe') return
  const askable = (await findTarget(context, deployment)) !== null
  if (!askable && (await wasTold(context, deployment, since))) return
  await keepSamples(context, [
    {
      deployment_id: reading.deployment_id,
      phase: 'sweep',
      state: verdict.state,
      reason: verdict.reason,
      sample,
    },
  ])
  // Two workers that sweep at once ask one question.
  const late = { key: `late:${Math.floor(reading.at_ms / waitMs)}`, reason: verdict.reason }
  if (askable) await ask(context, deployment, { ...late, kind: 'late_breach', detail: braked.reason })
  else await tellOfLateBreach(context, deployment, { ...late, health: toHealthReport(sample, verdict, false) })
}

const wasTold = async (
  context: ControlContext,
  { deployment_id }: { deployment_id: string },
  since: Date,
): Promise<boolean> =>
  (await context.db.prisma.announcements.count({
    where: { deployment_id, kind: 'late_breach', created_at: { gt: since } },
  })) > 0

/** Late questions have no workflow that would end them. */
const expireLateQuestions = async (context: ControlContext): Promise<void> => {
  const old = await context.db.prisma.decisions.findMany({
    where: { kind: 'late_breach', status: 'waiting', expires_at: { lt: new Date() } },
    take: CHUNK,
  })
  for (const { decision_id } of old) await expireDecision(context, decision_id)
}
