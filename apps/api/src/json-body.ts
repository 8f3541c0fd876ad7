import { RomanError } from '@roman/contracts'
import sjson from 'secure-json-parse'
import type { App } from './app.ts'

/** Deeper than anybody's metadata, shallower than what would exhaust a stack further in. */
const NESTING_MAX = 100

/** Every body is read as JSON, whatever its Content-Type: `curl -d` sends a form's unless told otherwise. */
export function readBodiesAsJson(app: App): void {
  app.removeAllContentTypeParsers()
  app.addHook('onRequest', async (request) => {
    request.headers['content-type'] = 'application/json'
  })
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, parseJson(text))
    } catch (error) {
      done(error as Error)
    }
  })
}

/** Throws `invalid_request` that quotes the place. An empty text is no body at all. */
function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined
  let value: unknown
  try {
    value = sjson.parse(text, { protoAction: 'error', constructorAction: 'error' })
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new RomanError('invalid_request', `The body is not valid JSON: ${problem}. Send a JSON object.`)
  }
  if (nestingOf(text) > NESTING_MAX) {
    throw new RomanError('invalid_request', `The body is nested deeper than ${NESTING_MAX} levels. Flatten it.`)
  }
  return value
}

/** Depth of arrays and objects in valid JSON, counted without recursion. */
function nestingOf(json: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let at = 0; at < json.length; at++) {
    const character = json[at]
    if (inString) {
      if (character === '\\') at++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth)
    else if (character === '}' || character === ']') depth--
  }
  return deepest
}
