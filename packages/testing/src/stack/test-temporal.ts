import { Client, Connection } from '@temporalio/client'
import { inject } from 'vitest'
import { afterThisFile } from './cleanups.ts'

export interface TestTemporal {
  /** host:port, also for a worker's `NativeConnection.connect({ address })`. */
  address: string
  namespace: string
  connection: Connection
  client: Client
}

/** The run's Temporal server and a client for it, closed after the file's last test. Specs share its one namespace. */
export async function testTemporal(): Promise<TestTemporal> {
  const address = inject('servers').temporalAddress
  const namespace = 'default'
  const connection = await Connection.connect({ address })
  afterThisFile(() => connection.close())
  return { address, namespace, connection, client: new Client({ connection, namespace }) }
}
