import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildServer, DASHBOARD_PATH } from '@roman/api'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launch, noBrowser } from './browser.ts'
import { eventId, HOSTILE, pageControl } from './fake-control.ts'

const KEY = 'the-key-of-the-page'
if (noBrowser !== null) console.warn(`The dashboard's tests are skipped: ${noBrowser}`)

describe.skipIf(noBrowser !== null)('the dashboard in a real browser', () => {
  let dist: string
  let browser: Browser
  let page: Page
  let url: string
  let close: () => Promise<unknown>
  let state: ReturnType<typeof pageControl>['state']
  let complaints: string[]

  beforeAll(async () => {
    dist = await mkdtemp(join(tmpdir(), 'roman-dashboard-'))
    const root = fileURLToPath(new URL('..', import.meta.url))
    await build({ root, logLevel: 'error', build: { outDir: dist, emptyOutDir: true } })
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    await rm(dist, { recursive: true, force: true })
  })
  beforeEach(async () => {
    const fake = pageControl()
    state = fake.state
    const app = await buildServer({ control: fake.control, serviceKey: KEY, dashboardDir: dist })
    close = () => app.close()
    url = (await app.listen({ host: '127.0.0.1', port: 0 })) + DASHBOARD_PATH
    page = await browser.newPage()
    page.setDefaultTimeout(10_000)
    complaints = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      // A refused request is logged by the browser itself.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text())
    })
  })
  afterEach(async () => {
    await page.context().close()
    await close()
    expect(complaints).toEqual([])
  })

  const signIn = async (key = KEY) => {
    await page.getByLabel('Service key').fill(key)
    await page.keyboard.press('Enter')
  }
  const text = (part: string | RegExp) => page.getByText(part).first().waitFor()

  it('refuses a wrong key in words, and keeps a right one in the tab only', async () => {
    await page.goto(url)
    await signIn('wrong')
    await text('The key is not valid here.')
    await signIn()
    await text('Live now')
    await page.reload()
    await text('Live now')
    expect(await page.evaluate(() => Object.keys(localStorage).length)).toBe(0)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Service key').waitFor()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
  })

  it('shows the five metrics', async () => {
    await page.goto(url)
    await signIn()
    await text('95.7 %')
    const shown = await page.locator('.metrics > div').allInnerTexts()
    expect(shown.map((metric) => metric.replaceAll(/\s+/g, ' ').trim())).toEqual([
      'Active deployments (live now) 3',
      'Recent rollbacks (last 24 hours) 2',
      'Rollback success rate (last 30 days) 95.7 %',
      'Average rollback time (request to verified) 1 min 12 s',
      'Constitutional approval rate (last 30 days) 80 %',
    ])
  })

  it('shows what is live, with health numbers that move and the decision that waits', async () => {
    await page.goto(url)
    await signIn()
    const card = page.getByRole('listitem').filter({ hasText: 'v2.5.3' })
    await card.getByText('guard is watching').waitFor()
    for (const part of ['storefront', 'in production', 'c0ffee1', 'in progress', 'Healthy']) {
      expect(await card.textContent()).toContain(part)
    }
    state.errors = 8.5
    await card.getByText('8.5', { exact: true }).waitFor()
    await text('Known-good by its errors alone')
    const asking = page.getByRole('listitem').filter({ hasText: 'payments' })
    await asking.getByText('A rollback waits for a decision').waitFor()
    expect(await asking.textContent()).toContain('structural integrity')
  })

  it('opens a rollback with its steps, segments and laws, by mouse, keyboard and address', async () => {
    await page.goto(url)
    await signIn()
    await page.getByRole('link', { name: /^High error rate/ }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('v2.5.2', { exact: true }).waitFor()
    const story = await dialog.textContent()
    for (const part of [
      'deploy previous version',
      'Clean for 60 s',
      '4.2 s',
      '1 min 1 s',
      'total coherence',
      'newer migration',
    ]) {
      expect(story).toContain(part)
    }
    await page.waitForURL(`${url}/rollbacks/${eventId}`)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    // The browser tells of the new address a moment after the page has changed.
    await page.waitForURL(`${url}/`)
    await page.goBack()
    await dialog.waitFor()
    await page.reload()
    await dialog.getByText('verify health').waitFor()
  })

  it('treats text from people as text', async () => {
    await page.goto(url)
    await signIn()
    await text(HOSTILE)
    await page.getByRole('link', { name: /^High error rate/ }).click()
    await page.getByRole('dialog').getByText(HOSTILE).waitFor()
    expect(await page.evaluate(() => 'pwned' in window)).toBe(false)
    expect(await page.locator('img').count()).toBe(0)
  })

  it('says so when the server is away, keeps what it knows, and comes back by itself', async () => {
    await page.goto(url)
    await signIn()
    await text('95.7 %')
    state.away = true
    await text(/PostgreSQL does not answer.*What you see is from/)
    await text('v2.5.3')
    await page.route('**/v1/**', (route) => route.abort())
    await text(/The server does not answer/)
    state.away = false
    await page.unroute('**/v1/**')
    await page.locator('.away').waitFor({ state: 'detached' })
  })

  it('says what to do where nothing is there yet', async () => {
    state.empty = true
    await page.goto(url)
    await signIn()
    await text('Nothing is live yet.')
    await text('No rollback yet.')
  })

  it('asks for the key again once it is no longer valid', async () => {
    await page.goto(url)
    await signIn()
    await text('95.7 %')
    await page.route('**/v1/summary', (route) =>
      route.fulfill({ status: 401, json: { success: false, error: 'no', code: 'unauthorized' } }),
    )
    await text('The key is not valid any more. Sign in again.')
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
  })
})
