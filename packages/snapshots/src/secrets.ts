const REDACTED = '[redacted]'

/** Names whose values are nobody's business, whoever allowed them. */
const SECRET_NAME =
  /secret|token|key|passw|passphrase|pgpass|pwd|credential|private|auth|cookie|session|dsn|salt|jwt|bearer|webhook|(?<![a-z0-9])(?:pass|pin|otp)(?![a-z0-9])/i

/**
 * Names that stand before a secret in a text. Fewer than of variables: `key` and `session` are words of every schema. Short
 * ones only where they are a name of their own, `db_pass` and not `bypass`.
 */
const NAME = `(?:${[
  'passw(?:or)?d',
  'passphrase',
  'secret',
  'token',
  'credentials?',
  'signature',
  '(?:api|access|account|private|secret|signing|encryption|master|service|auth|ssh|roman)[_-]?key',
  '(?<![a-z0-9])(?:pg)?pass',
  '(?<![a-z0-9])(?:pwd|jwt|otp|pin|sig|bearer|dsn|webhook(?:[_-]?url)?)',
].join('|')})`

/** What may follow in the name: `secret_key_base`, `API_KEY_2`. `max_tokens` and `password_encryption` hold no secret. */
const REST =
  '(?:[_.-]?(?:key|base|value|hash|old|new|current|previous|prod|production|staging|dev|test|live|\\d{1,3})){0,3}'

/** Up to where it is closed; one that is not, since the text was cut, to the end of its line. */
const QUOTED = `'(?:(?:[^'\\\\]|\\\\.|'')+'|[^'\\n]+)|"(?:(?:[^"\\\\]|\\\\.)+"|[^"\\n]+)`

/** Each is kept up to where the secret begins. None may look back or ahead without a bound: texts come from strangers. */
const AFTER_NAME: readonly RegExp[] = [
  // password = 'x', "password": "x", SET app.secret TO 'x', secret := 'x', secret => 'x'
  new RegExp(`(${NAME}${REST}["']?\\s{0,8}(?:=>|:=|[=:]|\\bto\\s)\\s{0,8}E?)(?:${QUOTED})`, 'gi'),
  // JSON within JSON
  new RegExp(`(${NAME}${REST}\\\\"\\s{0,8}:\\s{0,8}\\\\")(?:[^"\\\\]|\\\\(?!"))+`, 'gi'),
  new RegExp(`("[\\w.-]{0,40}${NAME}${REST}"\\s{0,8}:\\s{0,8})(?!null|true|false)[\\w.+-]+`, 'gi'),
  new RegExp(`(\\bset_config\\(\\s{0,8}'[\\w.]{0,60}${NAME}${REST}'\\s{0,8},\\s{0,8}E?)(?:${QUOTED})`, 'gi'),
  // As a parameter has it, and ALTER ROLE.
  new RegExp(`(${NAME}${REST}"?\\s[\\w ]{0,40}\\bdefault\\s{1,8}E?)(?:${QUOTED})`, 'gi'),
  new RegExp(`(\\bpassword\\s{1,8}E?)(?:${QUOTED})`, 'gi'),
  // password=x, ?token=x, AccountKey=x. No spaces, or code that compares a column would be cut as well.
  new RegExp(`(${NAME}${REST}=)(?!\\$\\d|\\[)[^\\s&;,'"]+`, 'gi'),
  new RegExp(`((?<![\\w-])--[\\w-]{0,40}${NAME}${REST}\\s)[^\\s'"-][^\\s'"]*`, 'gi'),
  // Of YAML, also where several stand in one line: one word, since in a sentence more would follow.
  new RegExp(
    `((?:^|[{,;])[ \\t"'-]{0,8}[\\w.-]{0,40}${NAME}${REST}["']?:[ \\t]{1,8})(?!null|true|false)[^\\s,;'"{}[\\]]+(?=[ \\t]{0,8}(?:$|[,;}])|[ \\t]{1,8}[\\w.-]{1,40}[:=])`,
    'gim',
  ),
  /((?:^|\s)(?:set-)?cookie:[ \t]{0,8})\S[^\n]*/gim,
  /(\bauthorization["']?\s{0,8}[:=]\s{0,8}["']?(?:[a-z]{1,20} )?)[^\s'"]+/gi,
  // Of a word without a digit or a capital in it a sentence may speak.
  /(\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC) )(?=[a-z.~+/-]{0,40}[A-Z0-9=_])[\w.~+/=-]{6,}/g,
]

/** What is a secret wherever it stands: mostly prefixes that their makers chose so that they are found. */
const SHAPES: readonly RegExp[] = [
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g,
  /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /\b(?:gh[pousr]_|github_pat_|gl(?:pat|ptt|dt|rt)-|xox[a-z]-|xapp-|[sr]k_(?:live|test)_|sk-|dop_v1_|shp(?:at|ss|ca|pa)_|AIza|glsa_|lin_api_|dckr_pat_|sb_secret_|xkeysib-|ATATT3|NRAK-|ya29\.)[\w-]{10,}/g,
  /\b(?:npm_|hf_|whsec_|sbp_|EAAC)[A-Za-z0-9+/]{16,}={0,2}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\b(?:roman_|pypi-|hv[sb]\.|AGE-SECRET-KEY-1)[\w-]{28,}/g,
  /\bSG\.[\w-]{16,64}\.[\w-]{16,64}/g,
  // Bots of Discord and Telegram.
  /\b[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,45}/g,
  /\b\d{8,10}:AA[\w-]{33}/g,
]

/** Who knows such an address may write there. */
const WEBHOOKS =
  /(\b(?:hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/|(?:[a-z]{1,20}\.)?discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/|[\w-]{1,60}\.webhook\.office\.com\/))[^\s'"<>)]+/gi

/**
 * The user's part of each URL: `user:password`, or a token alone. A password may have any character in it, so it goes up to
 * the last `@`; what begins as a host with a port is none.
 */
const withoutUsers = (text: string): string =>
  text
    .split('://')
    .map((part, index) => {
      const end = index === 0 ? 0 : userEnds(part)
      return end > 0 ? `${REDACTED}${part.slice(end)}` : part
    })
    .join('://')

/** @param part of a text, from behind `://`. */
const userEnds = (part: string): number => {
  const word = /^[^\s'"<>`]*/.exec(part)![0]
  const authority = word.split(/[/?#]/, 1)[0]!
  const hasPassword = /^[^:/?#[]*:(?!\d{1,5}(?:[/?#]|$))/.test(word)
  return (hasPassword ? word : authority).lastIndexOf('@')
}

/** Long, of one word, with letters and digits mixed: a key, or as good as one. A path, a version or a host is none. */
const RANDOM_WORD = /^(?=[^\s]*[0-9])(?=[^\s]*[a-zA-Z])[A-Za-z0-9_+/=-]{24,}$/

/** A text with what looks like a secret cut out of it. */
export const withoutSecrets = (text: string): string => {
  const cut = SHAPES.reduce((rest, shape) => rest.replace(shape, REDACTED), withoutUsers(text))
  return [WEBHOOKS, ...AFTER_NAME].reduce((rest, pattern) => rest.replace(pattern, `$1${REDACTED}`), cut)
}

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
