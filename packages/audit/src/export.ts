import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { AuditAnchor } from '@roman/contracts'
import type { Database } from '@roman/db'
import { anchorOf } from './anchor.ts'
import type { Client } from './chain-store.ts'
import { endText, headerText, sealText } from './file-format.ts'
import { GENESIS, isIntact } from './seal.ts'
import { atOneMoment, type EventText, readEventTexts, readSeals } from './stored.ts'
import { walk } from './walk.ts'

export interface Exported {
  seals: number
  events: number
  head: AuditAnchor
}

export const isCompressed = (file: string): boolean => file.endsWith('.gz')

/**
 * Writes all seals and events of one moment to a new file, compressed where its name ends in .gz. The file has its name
 * only when it is whole.
 * @throws Error where there is such a file already.
 */
export const exportAudit = async (db: Pick<Database, 'pool'>, file: string): Promise<Exported> => {
  if (existsSync(file)) throw new Error(`${file} is there already. Name a new file.`)
  const partial = `${file}.partial`
  try {
    const exported = await writeTo(db, partial, isCompressed(file))
    await rename(partial, file)
    return exported
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

const writeTo = (db: Pick<Database, 'pool'>, partial: string, compressed: boolean): Promise<Exported> =>
  atOneMoment(db, async (client) => {
    const lines = new PassThrough()
    const target = createWriteStream(partial, { mode: 0o600 })
    const written = compressed ? pipeline(lines, createGzip(), target) : pipeline(lines, target)
    written.catch(() => {})
    try {
      const exported = await writeLines(client, async (text) => {
        // A full disk ends the pipeline, and with it the wait.
        if (!lines.write(text)) await Promise.race([once(lines, 'drain'), written])
      })
      lines.end()
      await written
      return exported
    } catch (error) {
      lines.destroy()
      await written.catch(() => {})
      throw error
    }
  })

const writeLines = async (client: Client, write: (text: string) => Promise<void>): Promise<Exported> => {
  const { rows } = await client.query('SELECT now() AS at')
  let waiting = [headerText(rows[0].at)]
  let last: Parameters<typeof anchorOf>[0] = GENESIS
  let seals = 0
  let events = 0
  let settled = 0
  const flush = async (): Promise<void> => {
    const text = waiting.map((line) => `${line}\n`).join('')
    waiting = []
    await write(text)
  }
  await walk<EventText>(readSeals(client), readEventTexts(client), {
    seal(seal) {
      waiting.push(sealText(seal))
      seals += 1
      if ('unreadable' in seal) return settled
      last = seal
      // As a verifier does: what a changed seal says is not believed.
      if (isIntact(seal)) settled = Math.max(settled, seal.settled_id)
      return settled
    },
    event({ text }) {
      waiting.push(text)
      events += 1
    },
    rest: flush,
  })
  const head = anchorOf(last)
  waiting.push(endText({ seals, events, anchor: head.anchor }))
  await flush()
  return { seals, events, head }
}
