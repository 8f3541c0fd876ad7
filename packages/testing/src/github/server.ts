import { createHash, randomUUID } from 'node:crypto'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { Actions } from './actions.ts'
import { filterRuns, type RunsQuery } from './filters.ts'
import type { Run, RunScript, WorkflowFile } from './model.ts'
import { jobShape, type Place, runShape, workflowShape } from './shapes.ts'

export interface GithubOptions {
  port?: number
  owner?: string
  repo?: string
  /** By file name. By default the `rollback.yml` of examples/github. */
  workflows?: Record<string, WorkflowFile>
  refs?: string[]
  /** What the server makes of `return_run_details`: knows it, ignores it (204), or refuses it (422). */
  runDetails?: 'returned' | 'ignored' | 'refused'
  /** How long a new run takes to show up in lists and by its id, in milliseconds. */
  visibleAfterMs?: number
}

/** A disturbance of the next `times` requests whose "METHOD /path" matches. */
export interface Fault {
  match: RegExp
  times?: number
  /** `before`: nothing is done. `after`: it is done, and the answer is lost. */
  when?: 'before' | 'after'
  /** The answer; without a status the connection is cut. */
  status?: number
  message?: string
  headers?: Record<string, string>
  /** Waits first, in milliseconds. */
  delayMs?: number
}

export interface DispatchRecord {
  workflow: string
  ref: string
  inputs: Record<string, string>
  returnRunDetails: boolean
}

export interface Github {
  url: string
  token: string
  owner: string
  repo: string
  runs(): Run[]
  /** Dispatches that made a run. */
  dispatches(): DispatchRecord[]
  /** Every request as "METHOD /path status". */
  requests(): string[]
  /** What runs of `workflow` dispatched from now on do. */
  script(workflow: string, script: RunScript): void
  fault(fault: Fault): void
  cancel(runId: number): void
  close(): Promise<void>
}

const RATE_LIMIT = 5000
const DOCS = 'https://docs.github.com/rest'
const INPUTS = ['version', 'git_commit', 'environment', 'event_id', 'fence']

export const ROLLBACK_WORKFLOW: WorkflowFile = {
  inputs: Object.fromEntries(INPUTS.map((name) => [name, { required: true }])),
  runName: (inputs) => `Roll back ${inputs.environment} to ${inputs.version} [${inputs.event_id}]`,
}

class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** A protocol-true stand-in for the routes of GitHub's REST API that have to do with running a workflow. */
export async function startGithub(options: GithubOptions = {}): Promise<Github> {
  const { owner = 'acme', repo = 'storefront', refs = ['main'], runDetails = 'returned', visibleAfterMs = 0 } = options
  const token = `ghp_${randomUUID().replaceAll('-', '')}`
  const workflows = new Map(Object.entries(options.workflows ?? { 'rollback.yml': ROLLBACK_WORKFLOW }))
  const names = [...workflows.keys()]
  const idOf = (name: string) => 161_335 + names.indexOf(name)
  const actions = new Actions()
  const dispatches: DispatchRecord[] = []
  const requests: string[] = []
  const faults: (Fault & { left: number })[] = []
  let used = 0
  const resetAt = Math.floor(Date.now() / 1000) + 3600

  const app = fastify({ forceCloseConnections: true })
  const place: Place = { url: '', owner, repo }
  const root = `/repos/${owner}/${repo}/actions`

  const workflow = (reference: string): [string, WorkflowFile] => {
    const name = names.find((candidate) => candidate === reference || String(idOf(candidate)) === reference)
    if (name === undefined) throw new ApiError(404, 'Not Found')
    return [name, workflows.get(name)!]
  }
  const visible = (run: Run) => Date.now() - run.createdAt.getTime() >= visibleAfterMs
  const runById = (id: string): Run => {
    const run = actions.runs.find((candidate) => String(candidate.id) === id && visible(candidate))
    if (run === undefined) throw new ApiError(404, 'Not Found')
    return run
  }

  app.addHook('onRequest', async (request, reply) => {
    if (request.headers.authorization !== `Bearer ${token}` && request.headers.authorization !== `token ${token}`) {
      throw new ApiError(401, 'Bad credentials')
    }
    if (!request.headers['user-agent']) throw new ApiError(403, 'Request forbidden by administrative rules.')
    reply.header('x-ratelimit-limit', RATE_LIMIT).header('x-ratelimit-reset', resetAt)
    reply.header('x-ratelimit-resource', 'core').header('x-github-request-id', randomUUID())
    await disturb(request, reply, 'before')
  })
  app.addHook('onSend', async (request, reply, payload) => {
    reply.header('date', new Date().toUTCString())
    let body = payload
    if (request.method === 'GET' && reply.statusCode === 200) {
      const etag = `W/"${createHash('sha256').update(String(payload)).digest('hex')}"`
      reply.header('etag', etag)
      if (request.headers['if-none-match'] === etag) {
        reply.code(304)
        body = ''
      }
    }
    if (reply.statusCode !== 304) used++
    if (!reply.hasHeader('x-ratelimit-remaining')) reply.header('x-ratelimit-remaining', RATE_LIMIT - used)
    reply.header('x-ratelimit-used', used)
    requests.push(`${request.method} ${request.url.split('?')[0]} ${reply.statusCode}`)
    return body
  })
  app.setErrorHandler((error: Error & { status?: number; headers?: Record<string, string> }, _, reply) => {
    const status = error.status ?? 500
    const message = error.status === undefined ? 'Server Error' : error.message
    reply.code(status).headers(error.headers ?? {})
    return reply.send({ message, documentation_url: DOCS, status: String(status) })
  })
  app.setNotFoundHandler((_, reply) =>
    reply.code(404).send({ message: 'Not Found', documentation_url: DOCS, status: '404' }),
  )

  async function disturb(request: FastifyRequest, reply: FastifyReply, when: 'before' | 'after') {
    const line = `${request.method} ${request.url.split('?')[0]}`
    const fault = faults.find((one) => one.left > 0 && (one.when ?? 'before') === when && one.match.test(line))
    if (fault === undefined) return
    fault.left--
    if (fault.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delayMs))
    if (fault.status === undefined) {
      requests.push(`${line} cut`)
      request.raw.socket.destroy()
      reply.hijack()
      return
    }
    throw Object.assign(new ApiError(fault.status, fault.message ?? 'Server Error'), { headers: fault.headers })
  }

  type WithWorkflow = { Params: { workflow: string }; Querystring: RunsQuery }
  type WithRun = { Params: { run: string } }

  app.get<WithWorkflow>(`${root}/workflows/:workflow`, async ({ params }) => {
    const [name, file] = workflow(params.workflow)
    return workflowShape(place, name, file, idOf(name))
  })
  app.get<WithWorkflow>(`${root}/workflows/:workflow/runs`, async ({ params, query }) => {
    const [name] = workflow(params.workflow)
    const { total, page } = filterRuns(
      actions.runs.filter((run) => run.workflow === name && visible(run)),
      query,
    )
    return { total_count: total, workflow_runs: page.map((run) => runShape(place, run, idOf(name))) }
  })
  app.post<WithWorkflow>(`${root}/workflows/:workflow/dispatches`, async (request, reply) => {
    const [name, file] = workflow(request.params.workflow)
    const body = checkDispatch(request.body, file, refs, runDetails)
    const run = actions.start(name, file, body.ref, body.inputs)
    dispatches.push({ workflow: name, ref: body.ref, inputs: body.inputs, returnRunDetails: body.returnRunDetails })
    await disturb(request, reply, 'after')
    if (!body.returnRunDetails || runDetails === 'ignored') return reply.code(204).send()
    const shape = runShape(place, run, idOf(name))
    return { workflow_run_id: run.id, run_url: shape.url, html_url: shape.html_url }
  })
  app.get<WithRun>(`${root}/runs/:run`, async ({ params }) => {
    const run = runById(params.run)
    return runShape(place, run, idOf(run.workflow))
  })
  app.get<WithRun>(`${root}/runs/:run/jobs`, async ({ params }) => {
    return { total_count: 1, jobs: [jobShape(place, runById(params.run))] }
  })
  for (const how of ['cancel', 'force-cancel']) {
    app.post<WithRun>(`${root}/runs/:run/${how}`, async ({ params }, reply) => {
      const done = actions.cancel(runById(params.run), { force: how === 'force-cancel' })
      if (!done) throw new ApiError(409, 'Cannot cancel a workflow run that is completed.')
      return reply.code(202).send({})
    })
  }

  place.url = await app.listen({ host: '127.0.0.1', port: options.port ?? 0 })
  return {
    url: place.url,
    token,
    owner,
    repo,
    runs: () => [...actions.runs],
    dispatches: () => [...dispatches],
    requests: () => [...requests],
    script: (name, script) => void workflows.set(name, { ...workflow(name)[1], script }),
    fault: (fault) => void faults.push({ ...fault, left: fault.times ?? 1 }),
    cancel: (runId) => void actions.cancel(runById(String(runId)), { force: false }),
    async close() {
      await actions.close()
      await app.close()
    },
  }
}

function checkDispatch(
  sent: unknown,
  file: WorkflowFile,
  refs: string[],
  runDetails: GithubOptions['runDetails'],
): { ref: string; inputs: Record<string, string>; returnRunDetails: boolean } {
  const body = (sent ?? {}) as { ref?: string; inputs?: Record<string, unknown>; return_run_details?: boolean }
  if (runDetails === 'refused' && 'return_run_details' in body) {
    throw new ApiError(422, 'Invalid request.\n\n"return_run_details" is not a permitted key.')
  }
  if (typeof body.ref !== 'string') throw new ApiError(422, 'Invalid request.\n\n"ref" wasn\'t supplied.')
  if (!refs.includes(body.ref)) throw new ApiError(422, `No ref found for: ${body.ref}`)
  if (file.inputs === null) throw new ApiError(422, "Workflow does not have 'workflow_dispatch' trigger")
  if (file.state === 'disabled_manually') throw new ApiError(422, 'Cannot trigger a disabled workflow.')
  const inputs = body.inputs ?? {}
  const unexpected = Object.keys(inputs).filter((name) => !(name in file.inputs!))
  if (unexpected.length > 0) throw new ApiError(422, `Unexpected inputs provided: ${JSON.stringify(unexpected)}`)
  for (const [name, { required }] of Object.entries(file.inputs)) {
    if (required && inputs[name] === undefined) throw new ApiError(422, `Required input '${name}' not provided`)
  }
  const texts = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, String(value)]))
  return { ref: body.ref, inputs: texts, returnRunDetails: body.return_run_details === true }
}
