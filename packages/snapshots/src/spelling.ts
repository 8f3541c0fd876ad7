/** Names and string literals: what is in them is no code. */
const QUOTED = /"(?:[^"]|"")*"|E?'(?:[^']|'')*'/g

/** Stands for the nth of them: no character that a deparser gives. */
const MARK = '\u0001'
const LITERAL = `${MARK}L\\d+${MARK}`

/**
 * The literals of a list on a `varchar`: cast as one array when it is written, and one by one when that has been parsed
 * again, by an ALTER TYPE or a restored dump.
 */
const CAST_LIST = new RegExp(`\\(ARRAY\\[((?:${LITERAL}::character varying(?:, )?)+)\\]\\)::text\\[\\]`, 'g')
const CAST_LITERAL = new RegExp(`\\((${LITERAL})::character varying\\)::text(?!\\[)`, 'g')
/** A default that is a literal and nothing else: it becomes what the column is. */
const ONLY_LITERAL = new RegExp(`^(${LITERAL}|NULL)::character varying$`)

/**
 * One spelling for what PostgreSQL's deparsers spell in several ways although it is the same: a literal that is cast to
 * `varchar` (without a length, which would cut it) before it becomes `text`.
 */
export const oneSpelling = (expression: string): string => {
  if (!expression.includes('::character varying')) return expression
  const quoted: string[] = []
  const bare = expression.replace(
    QUOTED,
    (text) => `${MARK}${text.startsWith('"') ? 'N' : 'L'}${quoted.push(text) - 1}${MARK}`,
  )
  const spelled = bare
    .replace(CAST_LIST, (_all, items: string) => `ARRAY[${items.replaceAll('::character varying', '::text')}]`)
    .replace(CAST_LITERAL, '$1::text')
    .replace(ONLY_LITERAL, '$1::text')
  return spelled.replace(new RegExp(`${MARK}[LN](\\d+)${MARK}`, 'g'), (_all, index: string) => quoted[Number(index)]!)
}
