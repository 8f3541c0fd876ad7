/** Names whose values are nobody's business, whoever allowed them. */
const SECRET_NAME = /secret|token|key|passw|passphrase|pwd|credential|private|auth|cookie|session|dsn|salt/i

const REDACTED = '[redacted]'

/** What looks like a secret wherever it stands. */
const SECRET_TEXT: readonly RegExp[] = [
  // The user's part of a URL: user:password, or a token alone.
  /(?<=\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#@'"]+(?=@)/gi,
  // In connection strings and query parameters: no spaces, or code that compares a column would be cut as well.
  /(?<=\b(?:password|passwd|pwd|secret|token|api_?key|access_?key|signature)=)[^\s&;,'"]+/gi,
  // As SQL has it.
  /(?<=\bpassword\s+)'(?:[^']|'')*'/gi,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /\b(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|sk_live_|sk_test_|sk-|rk_live_|npm_|dop_v1_|shpat_|AIza|AKIA|ASIA)[\w-]{10,}/g,
  /(?<=\b(?:bearer|basic) )[\w.~+/=-]{8,}/gi,
]

/** Long, of one word, with letters and digits mixed: a key, or as good as one. A path, a version or a host is none. */
const RANDOM_WORD = /^(?=[^\s]*[0-9])(?=[^\s]*[a-zA-Z])[A-Za-z0-9_+/=-]{24,}$/

/** A text with what looks like a secret cut out of it. */
export const withoutSecrets = (text: string): string =>
  SECRET_TEXT.reduce((cut, pattern) => cut.replace(pattern, REDACTED), text)

const looksRandom = (value: string): boolean => RANDOM_WORD.test(value) && !value.startsWith('/')

/**
 * The variables that are allowed by name, as they may be kept: null where one is not set, redacted where its name or its
 * value is that of a secret, whether allowed or not.
 */
export const allowedVariables = (
  allowed: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, string | null> =>
  Object.fromEntries(
    [...new Set(allowed)].sort().map((name) => {
      const value = variables[name]
      if (value === undefined) return [name, null]
      if (SECRET_NAME.test(name) || looksRandom(value)) return [name, REDACTED]
      return [name, withoutSecrets(value).slice(0, VALUE_MAX)]
    }),
  )

const VALUE_MAX = 500
