import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { App } from './app.ts'
import { answerUnknownRoute } from './errors.ts'

export const DASHBOARD_PATH = '/app/admin/roman-dashboard'

/** Scripts, styles and calls from this origin only: text from people can never become code. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
}

/** Serves the dashboard's build. Its files are open; what they show is fetched with the key that a person types in. */
export async function serveDashboard(app: App, dashboardDir: string | undefined): Promise<void> {
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect(`${DASHBOARD_PATH}/`))
  if (dashboardDir === undefined || !existsSync(join(dashboardDir, 'index.html'))) {
    for (const url of [DASHBOARD_PATH, `${DASHBOARD_PATH}/*`]) {
      app.get(url, { schema: { hide: true } }, (_request, reply) =>
        reply
          .code(404)
          .type('text/plain; charset=utf-8')
          .send('The dashboard is not built. Build it with "pnpm build" and start the API again.\n'),
      )
    }
    return
  }
  await app.register(
    async (scope) => {
      await scope.register(fastifyStatic, {
        root: dashboardDir,
        prefix: '/',
        redirect: true,
        cacheControl: false,
        schemaHide: true,
      })
      scope.addHook('onSend', async (request, reply) => {
        reply.headers(PAGE_HEADERS)
        // Vite names assets by their content.
        const forever = reply.statusCode < 400 && request.url.includes('/assets/')
        reply.header('cache-control', forever ? 'public, max-age=31536000, immutable' : 'no-cache')
      })
      // Every address below the page is the page; a missing file is not.
      scope.setNotFoundHandler((request, reply) =>
        /\.[a-z0-9]+$/i.test(request.url.split('?')[0] ?? '')
          ? answerUnknownRoute(request, reply)
          : reply.sendFile('index.html'),
      )
    },
    { prefix: DASHBOARD_PATH },
  )
}
