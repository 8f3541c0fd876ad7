import type { Route } from '../app.ts'
import { abortRollback } from './abort-rollback.ts'
import { actors } from './actors.ts'
import { analysis } from './analysis.ts'
import { audit } from './audit.ts'
import { changeDeployment } from './change-deployment.ts'
import { checkDeployment } from './check-deployment.ts'
import { decideDeployment } from './decide-deployment.ts'
import { executeRollback } from './execute-rollback.ts'
import { explanation } from './explanation.ts'
import { freezes } from './freezes.ts'
import { ingestErrors } from './ingest-errors.ts'
import { labelDeployment } from './label-deployment.ts'
import { listDeployments } from './list-deployments.ts'
import { overrideRollback } from './override-rollback.ts'
import { quarantine } from './quarantine.ts'
import { readyz } from './readyz.ts'
import { recordDeployment } from './record-deployment.ts'
import { rollbackHistory } from './rollback-history.ts'
import { showDeployment } from './show-deployment.ts'
import { showRollback } from './show-rollback.ts'
import { snapshots } from './snapshots.ts'
import { summary } from './summary.ts'
import { verifyDeployment } from './verify-deployment.ts'

/** The three calls of the product's first days; also served under /functions/v1. */
export const userRoutes: readonly Route[] = [executeRollback, checkDeployment, rollbackHistory]

/** Everything else that takes a key. */
export const keyedRoutes: readonly Route[] = [
  recordDeployment,
  listDeployments,
  showDeployment,
  changeDeployment,
  decideDeployment,
  verifyDeployment,
  labelDeployment,
  explanation,
  analysis,
  freezes,
  quarantine,
  actors,
  ingestErrors,
  showRollback,
  overrideRollback,
  abortRollback,
  audit,
  snapshots,
  summary,
  readyz,
]
