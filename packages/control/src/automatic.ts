/** What the idempotency keys of rollbacks that no person asked for begin with. */
export const AUTOMATIC_PREFIX = 'auto:'

/** One automatic rollback for a deployment, ever, whatever its trigger. */
export const automaticKey = (deploymentId: string): string => `${AUTOMATIC_PREFIX}${deploymentId}`
