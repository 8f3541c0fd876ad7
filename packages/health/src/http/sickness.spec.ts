import { describe, expect, it } from 'vitest'
import { DeadlineError } from '../within-bound.ts'
import { BrokenOffError } from './get.ts'
import { sicknessOf } from './sickness.ts'

const failed = (code: string) => Object.assign(new Error(code), { code })
const allFailed = (...codes: string[]) =>
  Object.assign(new AggregateError(codes.map(failed)), codes[0] === undefined ? {} : { code: codes[0] })
const connected = { connected: true, timeoutMs: 2000 }
const unconnected = { connected: false, timeoutMs: 2000 }

describe('a probe without an answer', () => {
  it.each([
    ['refused', failed('ECONNREFUSED'), unconnected],
    ['reset', failed('ECONNRESET'), connected],
    ['closed', failed('UND_ERR_SOCKET'), connected],
    ['closed while we write', failed('EPIPE'), connected],
    ['broken off in its answer', new BrokenOffError(), connected],
    ['silent after it accepted', new DeadlineError(), connected],
    ['refused on every address', allFailed('ECONNREFUSED', 'ECONNREFUSED'), unconnected],
    ['refused where there is a way at all', allFailed('ENETUNREACH', 'ECONNREFUSED'), unconnected],
  ])('shows sickness: %s', (_, error, probe) => expect(sicknessOf(error, probe)).toEqual(expect.any(String)))

  it.each([
    ['our name server does not know the name', failed('ENOTFOUND'), unconnected],
    ['our name server is away', failed('EAI_AGAIN'), unconnected],
    ['no way to the host', failed('EHOSTUNREACH'), unconnected],
    ['no way to the network', failed('ENETUNREACH'), unconnected],
    ['the connection came not to be', failed('ETIMEDOUT'), unconnected],
    ['the time was over before the connection stood', new DeadlineError(), unconnected],
    ['no file left for a socket', failed('EMFILE'), unconnected],
    ['no file left on the machine', failed('ENFILE'), unconnected],
    ['no port left', failed('EADDRNOTAVAIL'), unconnected],
    ['no memory left for a socket', failed('ENOBUFS'), unconnected],
    ['a local rule forbids it', failed('EPERM'), unconnected],
    ['a certificate that we do not trust', failed('DEPTH_ZERO_SELF_SIGNED_CERT'), connected],
    ['a certificate that is over', failed('CERT_HAS_EXPIRED'), connected],
    ['no TLS where we expect it', failed('ERR_SSL_WRONG_VERSION_NUMBER'), connected],
    ['a header longer than we take', failed('UND_ERR_HEADERS_OVERFLOW'), connected],
    ['not HTTP', new Error('Response does not match the HTTP/1.1 protocol'), connected],
    ['refused here, out of time there', allFailed('ECONNREFUSED', 'ETIMEDOUT'), unconnected],
    ['no way on any address', allFailed('ENETUNREACH', 'EHOSTUNREACH'), unconnected],
    ['nothing known', undefined, connected],
  ])('shows nothing of the service: %s', (_, error, probe) => expect(sicknessOf(error, probe)).toBeNull())
})
