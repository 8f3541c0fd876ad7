/** Discord's bound for a message. */
export const MESSAGE_MAX = 2_000

/** Line breaks and controls that would let a text leave its line, and marks that would reverse what follows it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to go.
const BREAKS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g
const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g
/** What Discord would read as Markdown, a mention, an emoji or a masked link. */
const MARKUP = /[\\`*_~|<[\]]|@(?=everyone|here)/g

/**
 * A text of somebody's (reason, version, what a deployer says) as literal text on one line: never a mention, never Markdown.
 * At most `max` characters with its escapes, so that what is cut off is this text and no other line of the message.
 */
export const plain = (text: string, max = 300): string => {
  const line = text.replace(BREAKS, ' ').replace(INVISIBLE, '').replace(/\s+/g, ' ').trim()
  const escaped = line.replace(MARKUP, '\\$&')
  if (escaped.length <= max) return escaped
  let cut = ''
  // Never between a backslash and what it escapes, nor within a character.
  for (const [sign] of escaped.matchAll(/\\?./gu)) {
    if (cut.length + sign.length > max - 1) break
    cut += sign
  }
  return `${cut}…`
}

/** A line of a message; one that is `optional` gives way when the message is too long. */
export type Line = string | { optional: string }

/**
 * Lines as one message within Discord's bound. Optional lines give way, last ones first, and the message says how many did;
 * the others always stay, cut only if they alone are too long.
 */
export const fit = (lines: Line[], max = MESSAGE_MAX): string => {
  const kept = lines.map((line) => ({
    text: typeof line === 'string' ? line : line.optional,
    optional: typeof line !== 'string',
  }))
  let left = 0
  const joined = () => kept.map(({ text }) => text).join('\n')
  const note = () => (left === 0 ? '' : `\n-# … and ${left} more ${left === 1 ? 'line' : 'lines'}`)
  while (joined().length + note().length > max) {
    const last = kept.findLastIndex(({ optional }) => optional)
    if (last === -1) return `${joined().slice(0, max - note().length - 1)}…${note()}`
    kept.splice(last, 1)
    left += 1
  }
  return joined() + note()
}
