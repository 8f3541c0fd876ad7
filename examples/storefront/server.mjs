// A small shop: node server.mjs <version> <port> [deployment_id]
//
// Tells R.O.M.A.N. of its errors where ROMAN_URL and ROMAN_KEY are set. SERVICE and ENVIRONMENT name it there.
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { createErrorReporter } from './error-reporter.mjs'

const PRODUCTS = [
  { sku: 'mug', name: 'Mug', price_cents: 1200 },
  { sku: 'shirt', name: 'T-shirt', price_cents: 2500 },
  { sku: 'poster', name: 'Poster', price_cents: 1800 },
]

const [version = '', port = '', deploymentId] = process.argv.slice(2)
const number = /^v?(\d+\.\d+\.\d+)$/.exec(version)?.[1]
if (number === undefined || !/^\d+$/.test(port)) {
  console.error('Say which version and where: node server.mjs v2.5.2 8080')
  process.exit(64)
}
const { total } = await import(`./versions/${number}.mjs`)

const { ROMAN_URL, ROMAN_KEY, SERVICE = 'storefront', ENVIRONMENT = 'production' } = process.env
const errors = createErrorReporter({
  url: ROMAN_URL,
  key: ROMAN_KEY,
  service: SERVICE,
  environment: ENVIRONMENT,
  version,
  deploymentId,
})

const routes = {
  'GET /': () => ({ shop: 'storefront', version }),
  // Says that the process answers. It knows nothing of carts: most bugs are invisible to a health check.
  'GET /healthz': () => ({ status: 'ok', version }),
  'GET /products': () => PRODUCTS,
  'POST /checkout': async (request) => ({ total_cents: total(await json(request)) }),
}

const server = createServer(async (request, response) => {
  const route = `${request.method} ${request.url}`
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-storefront-version': version })
    response.end(JSON.stringify(body))
  }
  try {
    const handle = routes[route]
    if (handle) answer(200, await handle(request))
    else answer(404, { error: 'No such page.' })
  } catch (error) {
    const where =
      error.stack
        ?.split('\n')[1]
        ?.trim()
        .replace(/\(?file:\/\/.*\//, '(') ?? ''
    errors.report(`${error.name}: ${error.message} ${where} [${route}]`)
    answer(500, { error: 'Something went wrong.' })
  }
})
server.listen(Number(port), '127.0.0.1', () => console.log(`storefront ${version} on port ${port}`))

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close(async () => {
      await errors.close(2000)
      process.exit(0)
    })
    server.closeIdleConnections()
  })
}
