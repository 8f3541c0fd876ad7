const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export const isUuid = (text: string): boolean => UUID.test(text)

/** Fewer characters than this are no prefix that a person would mean. */
export const PREFIX_MIN = 4

/**
 * The first and the last uuid that begin like this, so that an index on the column finds them; null where none can. Hyphens
 * must be where a uuid has them.
 */
export const uuidsBeginning = (prefix: string): { from: string; to: string } | null => {
  const start = prefix.toLowerCase()
  if (start.length < PREFIX_MIN || !/^[0-9a-f-]+$/.test(start)) return null
  const filled = (digit: string): string =>
    start
      .replaceAll('-', '')
      .padEnd(32, digit)
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  const [from, to] = [filled('0'), filled('f')]
  return isUuid(from) && from.startsWith(start) ? { from, to } : null
}
