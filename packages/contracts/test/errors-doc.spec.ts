import { readFileSync } from 'node:fs'
import { DECISION_CODES } from '@roman/constitution'
import { describe, expect, it } from 'vitest'
import { ERRORS } from '../src/errors.ts'

const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')

/** A row of the catalogue: code in backticks, status, what it means, the way out. */
const ROW = /^\| `([a-z_]+)`\s*\| (\d{3})\s*\| (.+?)\s*\| (.+?)\s*\|$/gm
const documented = [...text.matchAll(ROW)].map(([, code, status, meaning, wayOut]) => ({
  code: code!,
  status: Number(status),
  meaning: meaning!,
  wayOut: wayOut!,
}))

describe('docs/errors.md', () => {
  it('has every code of the catalogue, and no other, each once', () => {
    const codes = documented.map(({ code }) => code)
    expect([...codes].sort()).toEqual(Object.keys(ERRORS).sort())
  })

  it('gives each code the status it is answered with', () => {
    const statuses = Object.fromEntries(documented.map(({ code, status }) => [code, status]))
    expect(statuses).toEqual(Object.fromEntries(Object.entries(ERRORS).map(([code, { status }]) => [code, status])))
  })

  it('says of each what it means, as the catalogue does, and the way out', () => {
    for (const { code, meaning, wayOut } of documented) {
      expect(meaning, code).toContain(ERRORS[code as keyof typeof ERRORS].title)
      expect(wayOut, code).toMatch(/\w+.*\.$/)
    }
  })
})

describe('the catalogue', () => {
  it.each([...DECISION_CODES])('knows the gates’ answer %s', (code) => {
    expect(Object.keys(ERRORS)).toContain(code)
  })
})
