/** Names and string literals: what is in them is no code. */
const QUOTED = /"(?:[^"]|"")*"|E?'(?:[^']|'')*'/g

/** Stands for the nth of them: no character that a deparser gives. */
const MARK = '\u0001'
const LITERAL = `${MARK}L\\d+${MARK}`

/** What becomes of each element of an array that is cast. */
const ARRAY_CAST = new RegExp(`^\\)::((?:${MARK}N\\d+${MARK}|[a-z_])[\\w. (),${MARK}]*)\\[\\]`)
const ARRAY = '(ARRAY['

const CAST_LITERAL = new RegExp(`\\((${LITERAL})::character varying\\)::text(?!\\[)`, 'g')
/** A default that is a literal and nothing else: it becomes what the column is. */
const ONLY_LITERAL = new RegExp(`^(${LITERAL}|NULL)::character varying$`)

/**
 * One spelling for what PostgreSQL's deparsers spell in several ways although it is the same. A list is cast as one array
 * when it is written, and element by element when that has been parsed again, by an ALTER TYPE or a restored dump. A literal
 * that is cast to `varchar` (without a length, which would cut it) before it becomes `text` is a literal of `text`.
 */
export const oneSpelling = (expression: string): string => {
  if (!expression.includes(ARRAY) && !expression.includes('::character varying')) return expression
  const quoted: string[] = []
  const bare = expression.replace(
    QUOTED,
    (text) => `${MARK}${text.startsWith('"') ? 'N' : 'L'}${quoted.push(text) - 1}${MARK}`,
  )
  const spelled = castEach(bare).replace(CAST_LITERAL, '$1::text').replace(ONLY_LITERAL, '$1::text')
  return spelled.replace(new RegExp(`${MARK}[LN](\\d+)${MARK}`, 'g'), (_all, index: string) => quoted[Number(index)]!)
}

/** `(ARRAY[a, b])::text[]` as `ARRAY[(a)::text, (b)::text]`. */
const castEach = (bare: string): string => {
  const [before = '', ...lists] = bare.split(ARRAY)
  // From the last one on: what is within another list is done first.
  const after = lists.reduceRight((rest, list) => oneList(`${list}${rest}`), '')
  return `${before}${after}`
}

/** @param text from behind `(ARRAY[`. */
const oneList = (text: string): string => {
  const elements: string[] = []
  let depth = 0
  let from = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!
    if (depth === 0 && (character === ',' || character === ']')) {
      elements.push(text.slice(from, at).trim())
      from = at + 1
    }
    if (depth === 0 && character === ']') {
      const cast = ARRAY_CAST.exec(text.slice(from))
      if (cast === null) break
      const each = elements.map((element) => `(${element})::${cast[1]}`)
      return `ARRAY[${each.join(', ')}]${text.slice(from + cast[0].length)}`
    }
    if ('(['.includes(character)) depth += 1
    if (')]'.includes(character)) depth -= 1
  }
  return `${ARRAY}${text}`
}
