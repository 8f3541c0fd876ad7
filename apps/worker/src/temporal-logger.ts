import type { Logger } from '@roman/runtime'
import { DefaultLogger } from '@temporalio/worker'

/** The SDK's log lines in ours. */
export const temporalLogger = (log: Logger): DefaultLogger =>
  new DefaultLogger('INFO', ({ level, message, meta }) => {
    const quieter =
      level === 'INFO' || level === 'DEBUG' || level === 'TRACE' ? 'debug' : level === 'WARN' ? 'warn' : 'error'
    log[quieter](
      {
        ...(meta?.error === undefined ? {} : { reason: String(meta.error) }),
        ...(meta?.workflowId === undefined ? {} : { workflow_id: meta.workflowId }),
        ...(meta?.activityType === undefined ? {} : { activity: meta.activityType }),
      },
      message,
    )
  })
