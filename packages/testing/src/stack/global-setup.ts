import type { TestProject } from 'vitest/node'
import { makeTemplate } from './databases.ts'
import { startTestServers } from './servers.ts'

/** Starts the servers that all integration specs of a run share; vitest stops them at the end. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await startTestServers({
    env: process.env,
    log: (line) => process.env.ROMAN_TEST_LOG && console.log(line),
  })
  try {
    const { migrate } = await import('@roman/db')
    const template = await makeTemplate(servers.postgres.url, migrate)
    project.provide('servers', {
      databaseUrl: servers.postgres.url,
      template,
      temporalAddress: servers.temporal.address,
    })
  } catch (error) {
    await servers.stop()
    throw error
  }
  return () => servers.stop()
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** Addresses of the run's servers. */
    servers: { databaseUrl: string; template: string; temporalAddress: string }
  }
}
