import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
// @ts-expect-error: the shop is plain JavaScript.
import { createErrorReporter } from '../error-reporter.mjs'

it('names on stderr what was taken with rows rejected, without what the errors say', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const rejected = Array.from({ length: 500 }, (_, index) => ({ index, error: `version: too long${'!'.repeat(999)}` }))
  const server = createServer((request, response) => {
    request
      .resume()
      .on('end', () => response.writeHead(202).end(JSON.stringify({ accepted: 0, duplicates: 0, rejected })))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    said.mockRestore()
  })

  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const reporter = createErrorReporter({
    url,
    key: 'secret',
    service: 'storefront',
    environment: 'test',
    version: 'v1',
  })
  for (let n = 0; n < 500; n++) reporter.report('hunter2')
  await reporter.close(5_000)

  const text = said.mock.calls.flat().join('\n')
  expect(text).toMatch(/^R\.O\.M\.A\.N\. rejected 500 of 500 errors: version: too long/)
  expect(text.length).toBeLessThan(1_000)
  expect(text).not.toMatch(/hunter2|secret/)
})
