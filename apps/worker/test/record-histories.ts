import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Client } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils'

/**
 * Saves the history of every workflow of a task queue, named after what it was and how it ended. Run the specs with
 * ROMAN_RECORD_HISTORIES=1 after a deliberate change of the workflows; replay.spec.ts holds the old ones meanwhile.
 */
export const recordHistories = async (
  client: Client,
  taskQueue: string,
  folder: string,
  label: string,
): Promise<void> => {
  await mkdir(folder, { recursive: true })
  const seen = new Set<string>()
  for await (const workflow of client.workflow.list({ query: `TaskQueue = '${taskQueue}'` })) {
    if (workflow.type === 'announce') continue
    const name = `${workflow.type}.${label}.${workflow.status.name.toLowerCase()}`
    if (seen.has(name)) continue
    seen.add(name)
    const history = await client.workflow.getHandle(workflow.workflowId, workflow.runId).fetchHistory()
    // Who ran it is nobody's business.
    const text = historyToJSON(history as never).replace(/"identity": ?"[^"]*"/g, '"identity":"worker"')
    await writeFile(path.join(folder, `${name}.history.json`), text)
  }
}
