/** A statement as its bare words in capitals: what stands in quotes and comments is left out. */
interface Statement {
  words: string[]
  /** It begins with a backslash: a command of psql. */
  psql: boolean
}

const TOKEN =
  /--[^\n]*|\/\*|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|[;\\'"]|\s+|[^\s]/g

/**
 * Why a rollback script cannot be run in one transaction; null where nothing speaks against it. It need not find
 * everything: PostgreSQL itself refuses at the time, whole, since scripts are run where they cannot commit. It is so that
 * people hear of it when they record a script, and not in the night when it is needed.
 */
export const faultOfScript = (script: string): string | null => {
  const statements = statementsOf(script)
  if (typeof statements === 'string') return statements
  if (statements.length === 0) return 'has no statement'
  for (const statement of statements) {
    const fault = faultOf(statement)
    if (fault !== null) return fault
  }
  return null
}

/** Splits at semicolons as PostgreSQL does; what is wrong with the text where it cannot be split. */
const statementsOf = (script: string): Statement[] | string => {
  const statements: Statement[] = []
  let current: Statement = { words: [], psql: false }
  /** Depth inside a `BEGIN ATOMIC … END` body, whose semicolons end nothing. */
  let atomic = 0
  const end = (): void => {
    if (current.words.length > 0 || current.psql) statements.push(current)
    current = { words: [], psql: false }
  }
  const token = new RegExp(TOKEN)
  for (let match = token.exec(script); match !== null; match = token.exec(script)) {
    const [text] = match
    if (text === '/*') {
      const after = endOfComment(script, token.lastIndex)
      if (after === null) return 'has a comment that does not end'
      token.lastIndex = after
    } else if (text.startsWith('$') && text.endsWith('$') && text.length > 1) {
      const after = script.indexOf(text, token.lastIndex)
      if (after === -1) return `has a ${text} that does not end`
      token.lastIndex = after + text.length
    } else if (text === "'" || text === '"') {
      return 'has a quote that does not end'
    } else if (text === ';') {
      if (atomic === 0) end()
    } else if (text === '\\') {
      if (current.words.length === 0) current.psql = true
    } else if (/^[A-Za-z_\u0080-\uffff](?!')/.test(text)) {
      const word = text.toUpperCase()
      const body = word === 'ATOMIC' && current.words.at(-1) === 'BEGIN'
      if (body || (atomic > 0 && word === 'CASE')) atomic += 1
      else if (atomic > 0 && word === 'END') atomic -= 1
      current.words.push(word)
    }
  }
  end()
  return statements
}

/** Comments of PostgreSQL nest. */
const endOfComment = (script: string, from: number): number | null => {
  const edge = /\/\*|\*\//g
  edge.lastIndex = from
  let depth = 1
  for (let match = edge.exec(script); match !== null; match = edge.exec(script)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return edge.lastIndex
  }
  return null
}

const TRANSACTION_WORDS = ['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'SAVEPOINT', 'RELEASE']
/** What PostgreSQL runs outside of transactions only. */
const OUTSIDE = [
  /^VACUUM\b/,
  /^(CREATE|DROP) (DATABASE|TABLESPACE)\b/,
  /^ALTER SYSTEM\b/,
  /^ALTER DATABASE .*SET TABLESPACE\b/,
  /^REINDEX .*(DATABASE|SYSTEM|SCHEMA)\b/,
  /^(CREATE|DROP|REINDEX|ALTER)\b.*\bCONCURRENTLY\b/,
]

const faultOf = ({ words, psql }: Statement): string | null => {
  if (psql) return 'has a command of psql (a line that begins with a backslash)'
  const [first = ''] = words
  const start = words.slice(0, 3).join(' ')
  if (TRANSACTION_WORDS.includes(first) || start.startsWith('PREPARE TRANSACTION')) {
    return `has ${first}: it is run in a transaction of its own, and must leave that alone`
  }
  const line = words.join(' ')
  if (OUTSIDE.some((rule) => rule.test(line))) return `has ${outline(words)}, which cannot run in a transaction`
  if (first === 'COPY' && /\b(STDIN|STDOUT)\b/.test(line)) return 'has COPY from or to the client'
  return null
}

const outline = ([first = '', second = '', ...rest]: string[]): string => {
  if (rest.includes('CONCURRENTLY')) return `${first} ${second} … CONCURRENTLY`
  return first === 'VACUUM' ? first : `${first} ${second}`
}
