import { describe, expect, it } from 'vitest'
import { allowedVariables, withoutSecrets } from '../src/index.ts'

describe('variables', () => {
  it.each([
    ['DATABASE_PASSWORD', 'x'],
    ['STRIPE_SECRET', 'x'],
    ['api_key', 'x'],
    ['GITHUB_TOKEN', 'x'],
    ['DB_PASS', 'x'],
    ['PGPASS', 'x'],
    ['PGPASSFILE', 'x'],
    ['JWT', 'x'],
    ['BEARER', 'x'],
    ['SLACK_WEBHOOK', 'x'],
    ['PIN', 'x'],
    ['DOOR_PIN', 'x'],
    ['OTP', 'x'],
    ['SENTRY_DSN', 'https://abc@sentry.io/1'],
    ['RELEASE', 'ghp_16C7e42F292c6912E7710c838347Ae178B4a'],
    ['RELEASE', 'AKIAIOSFODNN7EXAMPLE'],
    ['RELEASE', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc'],
    ['RELEASE', '9tCQ4gPeuf-G8A9_HP0yUdSzhIrdWTP_'],
  ])('are redacted where the name or the value is a secret’s: %s=%s', (name, value) => {
    expect(Object.values(allowedVariables([name], { [name]: value })).join()).not.toContain(value)
    expect(allowedVariables([name], { [name]: value })[name]).toContain('[redacted]')
  })

  it.each([
    ['NODE_ENV', 'production'],
    ['IMAGE', 'registry.example.com/shop/storefront:2.5.3'],
    ['STATE_DIR', '/var/lib/roman/state-directory-2026/of-production'],
    ['REGION', 'eu-central-1'],
    ['LANG', 'C.UTF-8'],
    ['SHIPPING_COMPASS', 'north'],
    ['BYPASS_CACHE', 'yes'],
  ])('are kept as they are otherwise: %s=%s', (name, value) => {
    expect(allowedVariables([name], { [name]: value })).toEqual({ [name]: value })
  })

  it('are kept only where they are named', () => {
    expect(allowedVariables(['B', 'A'], { A: '1', C: '3' })).toEqual({ A: '1', B: null })
  })
})

/** In halves, or those who look for secrets in repositories would find them here. */
const made = (prefix: string, rest: string): string => `${prefix}${rest}`
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEF'

/** Square time would take minutes. */
const HOSTILE_MS = 4_000

describe('a text has what looks like a secret cut out', () => {
  it.each<[text: string, cut: string]>([
    ['https://user:hunter2@example.com/path', 'https://[redacted]@example.com/path'],
    ['postgres://hunter2@db:5432/shop?sslmode=require', 'postgres://[redacted]@db:5432/shop?sslmode=require'],
    ['postgres://app:hun/ter2@db:5432/shop', 'postgres://[redacted]@db:5432/shop'],
    ['postgres://app:hun@ter2@db:5432/shop', 'postgres://[redacted]@db:5432/shop'],
    ['postgres://app:hun?ter#2@db/shop', 'postgres://[redacted]@db/shop'],
    ['redis://:hunter2@cache:6379 and amqp://a:hunter2@q', 'redis://[redacted]@cache:6379 and amqp://[redacted]@q'],
    ['https://hunter2@example.com/path@2', 'https://[redacted]@example.com/path@2'],
    ['https://example.com/?to=https://u:hunter2@x.com', 'https://example.com/?to=https://[redacted]@x.com'],
    ['host=db user=shop password=hunter2 dbname=shop', 'host=db user=shop password=[redacted] dbname=shop'],
    ['https://example.com/?token=hunter2&page=2', 'https://example.com/?token=[redacted]&page=2'],
    ['client_secret=hunter2', 'client_secret=[redacted]'],
    ['PGPASSWORD=hunter2 psql', 'PGPASSWORD=[redacted] psql'],
    ['db_password=hunter2', 'db_password=[redacted]'],
    ['DB_PASS=hunter2', 'DB_PASS=[redacted]'],
    ['jwt_token=hunter2', 'jwt_token=[redacted]'],
    ['SECRET_KEY_BASE=hunter2', 'SECRET_KEY_BASE=[redacted]'],
    ['API_KEY_2=hunter2', 'API_KEY_2=[redacted]'],
    ['clientSecret=hunter2&accessToken=hunter2', 'clientSecret=[redacted]&accessToken=[redacted]'],
    ['AccountName=shop;AccountKey=hunter2==;Suffix=core', 'AccountName=shop;AccountKey=[redacted];Suffix=core'],
    ['SharedAccessKey=hunter2=', 'SharedAccessKey=[redacted]'],
    ['sv=2024&sig=hunter2%3D&se=2027', 'sv=2024&sig=[redacted]&se=2027'],
    ['X-Amz-Signature=hunter2&x=1', 'X-Amz-Signature=[redacted]&x=1'],
    ['{"password":"hunter2","user":"app"}', '{"password":[redacted],"user":"app"}'],
    ['{"db_password": "hunter \\"2\\"", "a": 1}', '{"db_password": [redacted], "a": 1}'],
    [String.raw`"{\"token\":\"hunter2\",\"a\":1}"`, String.raw`"{\"token\":\"[redacted]\",\"a\":1}"`],
    ['{"pin": 1234, "a": 1}', '{"pin": [redacted], "a": 1}'],
    ["{ apiKey: 'hunter2', a: 1 }", '{ apiKey: [redacted], a: 1 }'],
    ['password: hunter2', 'password: [redacted]'],
    ['db:\n  password: hunter2\n  port: 1', 'db:\n  password: [redacted]\n  port: 1'],
    ['- client_secret: hunter2', '- client_secret: [redacted]'],
    ['{user: app, password: hunter2}', '{user: app, password: [redacted]}'],
    ['x-api-key: hunter2', 'x-api-key: [redacted]'],
    ["password='hunter two' host=db", 'password=[redacted] host=db'],
    ['password="hunter two" host=db', 'password=[redacted] host=db'],
    ["password = 'hunter''s two'", 'password = [redacted]'],
    ["password='hunter tw", 'password=[redacted]'],
    ["SET app.jwt_secret = 'hunter2'", 'SET app.jwt_secret = [redacted]'],
    [` SET "app.jwt_secret" TO 'hunter2'`, ' SET "app.jwt_secret" TO [redacted]'],
    ["set_config('app.jwt_secret', 'hunter2', false)", "set_config('app.jwt_secret', [redacted], false)"],
    ["call(secret => 'hunter2', token := E'hunter2')", 'call(secret => [redacted], token := E[redacted])'],
    ["f(token text DEFAULT 'hunter2'::text)", 'f(token text DEFAULT [redacted]::text)'],
    ["ALTER ROLE app PASSWORD 'hunter2'", 'ALTER ROLE app PASSWORD [redacted]'],
    ['deploy --api-token hunter2 --to production', 'deploy --api-token [redacted] --to production'],
    ['deploy --password=hunter2', 'deploy --password=[redacted]'],
    ['Authorization: Bearer hunter2hunter2', 'Authorization: Bearer [redacted]'],
    ['authorization: token hunter2', 'authorization: token [redacted]'],
    ['curl -H "Authorization: hunter2" x', 'curl -H "Authorization: [redacted]" x'],
    ['sent Basic dXNlcjpodW50ZXIy to it', 'sent Basic [redacted] to it'],
    ['Cookie: session=hunter2; a=b\nHost: x', 'Cookie: [redacted]\nHost: x'],
    ['-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----', '[redacted]'],
    ['-----BEGIN PRIVATE KEY-----\nhunter2 and no', '[redacted]'],
    [`is ${made('eyJhbGciOiJIUzI1NiJ9.', 'eyJzdWIiOiIxMjM0In0.abc')} a JWT`, 'is [redacted] a JWT'],
    [
      `to https://hooks.slack.com/${made('services/T000/B000/', LETTERS)} and`,
      'to https://hooks.slack.com/services/[redacted] and',
    ],
    [`https://discord.com/api/${made('webhooks/1234567890/', LETTERS)}`, 'https://discord.com/api/webhooks/[redacted]'],
    [
      `https://ptb.discordapp.com/api/v10/${made('webhooks/1234567890/', LETTERS)}`,
      'https://ptb.discordapp.com/api/v10/webhooks/[redacted]',
    ],
    ...[
      ['MTk4NjIyNDgzNDcxOTI1MjQ4', `.Cl2FMQ.${LETTERS.slice(0, 27)}`],
      ['12345678', `90:AA${LETTERS.slice(0, 33)}`],
      ['SG.', `${LETTERS.slice(0, 22)}.${LETTERS}`],
      ['roman_', LETTERS.slice(0, 32)],
      ['hf_', LETTERS.slice(0, 34)],
      ['whsec_', LETTERS.slice(0, 32)],
      ['ghp_', LETTERS.slice(0, 36)],
      ['glpat-', LETTERS.slice(0, 20)],
      ['xoxb-', LETTERS.slice(0, 30)],
      ['sk_live_', LETTERS.slice(0, 24)],
      ['sk-', LETTERS],
      ['npm_', LETTERS.slice(0, 36)],
      ['AKIA', 'IOSFODNN7EXAMPLE'],
      ['AIza', LETTERS.slice(0, 35)],
    ].map(([prefix, rest]) => [`it is ${made(prefix!, rest!)}.`, 'it is [redacted].'] as [string, string]),
  ])('%s', (text, cut) => {
    expect(withoutSecrets(text)).toBe(cut)
    // What is cut once is not cut again otherwise: texts are passed on.
    expect(withoutSecrets(cut)).toBe(cut)
  })

  it.each([
    'SELECT id FROM users WHERE password = crypt(given, salt)',
    'IF NEW.password = OLD.password AND token IS NULL THEN',
    "CHECK ((password <> ''::text))",
    "UPDATE users SET password = '' WHERE id = $1",
    'WHERE token=$1 AND id = $2',
    "CHECK ((kind = ANY (ARRAY['password'::text, 'token'::text])))",
    'CREATE TABLE public.tokens (id integer, token text NOT NULL, secret bytea)',
    'CREATE INDEX sessions_token_idx ON public.sessions USING btree (token)',
    "SET password_encryption = 'scram-sha-256'",
    'FOREIGN KEY (api_key_id) REFERENCES public.api_keys(id)',
    'max_tokens=4096 token_count=7 primary_key=id',
    'password authentication failed for user "app"',
    'Wrong password: the user is locked until tomorrow',
    'Unexpected token \'a\', "abc" is not valid JSON',
    'invalid input syntax for type integer: "pin"',
    'basic authentication is required; the bearer authenticates himself',
    'see https://example.com/@someone',
    'see https://example.com:8080/@someone and mail a@b.c',
    'http://[::1]:5432/path',
    'git@github.com:shop/storefront.git',
    'npm_config_registry and npm_lifecycle_event',
    'ASIA-PACIFIC-REGION, task-force-of-the-south',
    'ops.roman_events, roman_rollback_notifications',
    'https://hooks.slack.com/services and https://discord.com/channels/1/2',
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
    '{"password": null, "token": false}',
    'commit a7f3b29e0c5d4f6a8b9c0d1e2f3a4b5c6d7e8f90 of 2026-01-01T00:00:00.000Z',
    'connect ECONNREFUSED 127.0.0.1:5432',
    'column public.users.secret: text → character varying(20)',
    'bypass=yes compass=north spin=left',
  ])('and none where it only speaks of such things: %s', (text) => {
    expect(withoutSecrets(text)).toBe(text)
  })

  it.each([
    '://',
    'a://a:',
    'http://user:pass/',
    '-',
    '--password',
    "password='",
    'password="',
    'password=""',
    "password='\\'",
    'password = ',
    'secret',
    'secret_key_base',
    'token\\":\\"',
    '"a',
    ',--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    '\npassword: a b',
    '\n                                    ',
    'eyJaaaaaaaa.',
    '-eyJ',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'SG.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    'Maaaaaaaaaaaaaaaaaaaaaaaa.',
    'ghp_',
    'bearer aaaaaaaaaaaaaaaaaaaaaaaaa',
    'hooks.slack.com/services/',
    'aaaa.',
    "set_config('",
    'token text default',
    'cookie:',
  ])('in a time that grows with its length, also where it is made to take long: %j', (hostile) => {
    const text = hostile.repeat(Math.ceil(1_000_000 / hostile.length))
    const startedAt = performance.now()
    withoutSecrets(text)
    expect(performance.now() - startedAt).toBeLessThan(HOSTILE_MS)
  })
})
