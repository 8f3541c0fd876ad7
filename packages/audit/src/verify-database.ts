import type { AuditAnchor, AuditVerification } from '@roman/contracts'
import type { Database } from '@roman/db'
import { type Anchor, anchorOf } from './anchor.ts'
import { atOneMoment, readHashedEvents, readSeals, readTextsOf } from './stored.ts'
import { readHead } from './stored-seal.ts'
import { createVerifier } from './verifier.ts'
import { walk } from './walk.ts'

export interface VerifyOptions {
  /** The head of the chain as it was kept elsewhere. */
  anchor?: Anchor | null
  /** Gives up, and says so, when it aborts. */
  signal?: AbortSignal
}

/** Reads every seal and every event of one moment, and holds them against each other. */
export const verifyDatabase = (
  db: Pick<Database, 'pool'>,
  { anchor = null, signal }: VerifyOptions = {},
): Promise<AuditVerification> =>
  atOneMoment(db, async (client) => {
    const verifier = createVerifier(anchor)
    const complete = await walk(readSeals(client), readHashedEvents(client), verifier, signal)
    for (const { id, text } of await readTextsOf(client, verifier.suspects())) verifier.text(id, text)
    return verifier.finish(complete)
  })

/** The head of the chain as it is stored; it is not verified. */
export const readAnchor = (db: Pick<Database, 'pool'>): Promise<AuditAnchor> =>
  atOneMoment(db, async (client) => anchorOf(await readHead(client)))
