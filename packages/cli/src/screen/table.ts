import { stripVTControlCharacters } from 'node:util'

const widthOf = (cell: string) => stripVTControlCharacters(cell).length

/** Columns side by side, two spaces between them, as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, widths[column]! - widthOf(cell))))
      .join('  ')
      .trimEnd()
  return all.map(line).join('\n')
}

/** Names and values, one pair a line; a pair without a value is left out. */
export function facts(pairs: readonly (readonly [string, string | null | undefined])[], indent = '  '): string {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
  const width = Math.max(0, ...known.map(([name]) => name.length))
  return known.map(([name, value]) => `${indent}${name.padEnd(width)}  ${value}`).join('\n')
}
