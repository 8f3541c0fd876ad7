import {
  DEPLOYMENT_STATUSES,
  type DeploymentStatus,
  isTerminal,
  mayTransition,
  ROLLBACK_STATUSES,
  type RollbackStatus,
} from '@roman/constitution'
import type { Prisma, Tx } from '@roman/db'
import { refusal } from '../use-cases/refusal.ts'

/** Whatever changes a status goes through here, so that the constitution's table says what may follow what. */

/** Statuses of a rollback that nothing has ended yet. */
export const OPEN_STATUSES = ROLLBACK_STATUSES.filter((status) => !isTerminal('rollback', status))

/** Deployments that one may go back to. */
export const KNOWN_GOOD = {
  status: 'success',
  health_check_passed: true,
} as const satisfies Prisma.deploymentsWhereInput
/** The same where ops.deployments is read in SQL. */
export const KNOWN_GOOD_SQL = `status = '${KNOWN_GOOD.status}' AND health_check_passed`

/** Statuses that a rollback may have for it to become this one. Staying the same is no transition, and allowed. */
export const rollbackStatusesBefore = (to: RollbackStatus): RollbackStatus[] =>
  ROLLBACK_STATUSES.filter((from) => mayTransition('rollback', from, to).allowed || (from === to && isOpenStatus(from)))

const isOpenStatus = (status: RollbackStatus): boolean => OPEN_STATUSES.includes(status)

const deploymentStatusesBefore = (to: DeploymentStatus): DeploymentStatus[] =>
  DEPLOYMENT_STATUSES.filter((from) => from === to || mayTransition('deployment', from, to).allowed)

type Facts = Omit<Prisma.deploymentsUncheckedUpdateManyInput, 'status'>

/** Changes the status of the deployments that fit and may have it, with what else is known then. Answers how many. */
export const moveWhere = async (
  tx: Tx,
  where: Prisma.deploymentsWhereInput,
  to: DeploymentStatus,
  facts: Facts,
): Promise<number> => {
  const { count } = await tx.deployments.updateMany({
    where: { AND: [where, { status: { in: deploymentStatusesBefore(to) } }] },
    data: { ...facts, status: to },
  })
  return count
}

/** @throws RomanError `illegal_transition` where the table does not allow it. */
export const moveDeployment = async (
  tx: Tx,
  deploymentId: string,
  to: DeploymentStatus,
  facts: Facts,
): Promise<void> => {
  if ((await moveWhere(tx, { deployment_id: deploymentId }, to, facts)) > 0) return
  const { status } = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: deploymentId } })
  const decision = mayTransition('deployment', status as DeploymentStatus, to)
  if (!decision.allowed) throw refusal(decision)
}
