import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { AuditVerification } from '@roman/contracts'
import type { Anchor } from './anchor.ts'
import { isCompressed } from './export.ts'
import { type EndLine, type Line, parseLine } from './file-format.ts'
import { contentHash } from './seal.ts'
import { createVerifier } from './verifier.ts'

const YOUNG_MS = 60_000

/**
 * Verifies an export as `verifyDatabase` does its database, with nothing but the file. That it is the whole trail, and
 * the real one, only an anchor can say: whoever can write a file can write another chain.
 * @throws Error that names the line, where the file is no export or was cut off.
 */
export const verifyFile = async (file: string, anchor: Anchor | null = null): Promise<AuditVerification> => {
  const reader = createReader(file, anchor)
  const lines = createLineSplitter(reader.line)
  const consume = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const bytes of source) lines.add(bytes)
  }
  const bytes = createReadStream(file, { highWaterMark: 1 << 18 })
  try {
    await (isCompressed(file) ? pipeline(bytes, createGunzip(), consume) : pipeline(bytes, consume))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new Error(`There is no file ${file}.`, { cause: error })
    if (code === 'Z_BUF_ERROR') throw cutOff(file, error)
    if (code?.startsWith('Z_'))
      throw new Error(`${file} is not compressed by gzip, or it is damaged.`, { cause: error })
    throw error
  }
  if (lines.rest > 0) throw cutOff(file)
  return reader.finish()
}

const cutOff = (file: string, cause?: unknown): Error =>
  new Error(`${file} was cut off: it ends in the middle. Export it again.`, { cause })

const createReader = (file: string, anchor: Anchor | null) => {
  const verifier = createVerifier(anchor)
  const counts = { lines: 0, seals: 0, events: 0 }
  let exportedAtMs = 0
  let end: EndLine | null = null
  let afterEvent = false

  const take = (line: Line): void => {
    if (end !== null) throw new Error('it comes after the end')
    if ((line.kind === 'header') !== (counts.lines === 1)) throw new Error('an export begins with its header')
    if (line.kind === 'header') exportedAtMs = line.exportedAtMs
    else if (line.kind === 'end') end = line.end
    else if (line.kind === 'seal') {
      // Of a seal that follows another, the events may still come.
      if (afterEvent) verifier.eventsGiven()
      verifier.seal(line.seal)
      counts.seals += 1
    } else {
      const { id, exactId, text, writtenAtMs } = line
      const young = Math.abs(exportedAtMs - writtenAtMs) <= YOUNG_MS
      verifier.event({ id, exactId, hash: contentHash(text), columnAgrees: true, young })
      verifier.text(id, text)
      counts.events += 1
    }
    afterEvent = line.kind === 'event'
  }

  return {
    line(text: string): void {
      counts.lines += 1
      try {
        take(parseLine(text))
      } catch (error) {
        throw new Error(`Line ${counts.lines} of ${file} cannot be read: ${(error as Error).message}.`, {
          cause: error,
        })
      }
    },
    finish(): AuditVerification {
      if (end === null) throw cutOff(file)
      const verification = verifier.finish()
      const { anchor: head } = verification.head
      if (end.seals === counts.seals && end.events === counts.events && end.anchor === head) return verification
      return {
        ...verification,
        valid: false,
        findings_total: verification.findings_total + 1,
        findings: [
          ...verification.findings,
          {
            kind: 'truncated',
            event_id: null,
            seal_number: verification.head.seal_number,
            message: `The file has ${counts.seals} seals and ${counts.events} events; by its last line it was written with ${end.seals} and ${end.events}, up to ${end.anchor}.`,
          },
        ],
      }
    },
  }
}

/** Lines end with a line feed and nothing else: an event's text may hold every other separator. */
const createLineSplitter = (onLine: (line: string) => void) => {
  let parts: Buffer[] = []
  return {
    add(bytes: Buffer): void {
      let from = 0
      for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, from)) {
        const line = bytes.subarray(from, at)
        onLine((parts.length === 0 ? line : Buffer.concat([...parts, line])).toString('utf8'))
        parts = []
        from = at + 1
      }
      if (from < bytes.length) parts.push(bytes.subarray(from))
    },
    /** Parts of a line that did not end. */
    get rest() {
      return parts.length
    },
  }
}
