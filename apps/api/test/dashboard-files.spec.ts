import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serve } from './serve.ts'

let dist: string
beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), 'roman-dashboard-'))
  await mkdir(join(dist, 'assets'))
  await writeFile(join(dist, 'index.html'), '<!doctype html><title>R.O.M.A.N.</title>')
  await writeFile(join(dist, 'assets', 'app-1a2b.js'), 'export {}')
})
afterAll(() => rm(dist, { recursive: true }))

describe('the dashboard', () => {
  it('is served open, with its headers, at its address and below', async () => {
    const { call, url } = await serve({ dashboardDir: dist })
    expect((await fetch(url)).url).toBe(`${url}/app/admin/roman-dashboard/`)
    for (const path of ['', '/', '/rollbacks/17']) {
      const page = await call(`/app/admin/roman-dashboard${path}`, { headers: { authorization: '' } })
      expect(page.status, path).toBe(200)
      expect(page.text).toContain('R.O.M.A.N.')
      expect(page.headers.get('content-security-policy')).toContain("script-src 'self'")
      expect(page.headers.get('x-content-type-options')).toBe('nosniff')
      expect(page.headers.get('cache-control')).toBe('no-cache')
    }
    const asset = await call('/app/admin/roman-dashboard/assets/app-1a2b.js')
    expect(asset.headers.get('cache-control')).toContain('immutable')
  })

  it('lets nobody out of its folder, and has no page for a file that is missing', async () => {
    const { call } = await serve({ dashboardDir: dist })
    for (const path of ['/assets/gone.js', '/..%2f..%2fetc%2fpasswd.txt', '/%2e%2e/%2e%2e/package.json']) {
      const missing = await call(`/app/admin/roman-dashboard${path}`)
      expect([403, 404], path).toContain(missing.status)
      expect(missing.json).toMatchObject({ success: false })
    }
  })

  it('says how to build it where it is not', async () => {
    const { call } = await serve({ dashboardDir: join(dist, 'nowhere') })
    expect(await call('/app/admin/roman-dashboard/')).toMatchObject({
      status: 404,
      text: expect.stringContaining('pnpm build'),
    })
  })
})
