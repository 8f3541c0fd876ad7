import { describe, expect, it } from 'vitest'
import { allowedVariables, withoutSecrets } from '../src/index.ts'

describe('variables', () => {
  it.each([
    ['DATABASE_PASSWORD', 'x'],
    ['STRIPE_SECRET', 'x'],
    ['api_key', 'x'],
    ['GITHUB_TOKEN', 'x'],
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
  ])('are kept as they are otherwise: %s=%s', (name, value) => {
    expect(allowedVariables([name], { [name]: value })).toEqual({ [name]: value })
  })

  it('are kept only where they are named', () => {
    expect(allowedVariables(['B', 'A'], { A: '1', C: '3' })).toEqual({ A: '1', B: null })
  })
})

describe('a text', () => {
  it.each([
    ['https://user:hunter2@example.com/path', 'https://[redacted]@example.com/path'],
    ['postgres://hunter2@db:5432/shop?sslmode=require', 'postgres://[redacted]@db:5432/shop?sslmode=require'],
    ['host=db user=shop password=hunter2 dbname=shop', 'host=db user=shop password=[redacted] dbname=shop'],
    ['https://example.com/?token=hunter2&page=2', 'https://example.com/?token=[redacted]&page=2'],
    ['Authorization: Bearer hunter2hunter2', 'Authorization: Bearer [redacted]'],
    ['-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----', '[redacted]'],
    // Code that only speaks of such things stays as it is.
    [
      'SELECT id FROM users WHERE password = crypt(given, salt)',
      'SELECT id FROM users WHERE password = crypt(given, salt)',
    ],
    ['see https://example.com/@someone', 'see https://example.com/@someone'],
  ])('has what looks like a secret cut out: %s', (text, cut) => {
    expect(withoutSecrets(text)).toBe(cut)
  })
})
