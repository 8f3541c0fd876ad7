import type { ConnectionOptions } from '@temporalio/client'

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number]
type Call = ReturnType<Interceptor>
type CallInterface = ReturnType<Parameters<Interceptor>[1]>

const CANCELLED = 1

/**
 * Ends a call that begins on a closed connection as cancelled.
 *
 * Put behind the client's retries: they wait in a timer, which close() does not stop, and gRPC refuses a closed channel's
 * calls by throwing. Nobody catches what is thrown in a timer: a process that was told to stop while Temporal was away died
 * of it, in the middle of closing everything else.
 */
export const cancelledOnceClosed: Interceptor = (options, nextCall) => {
  try {
    return nextCall(options) as Call
  } catch (error) {
    // The type asks for gRPC's class where it uses the interface, as for the calls of its own.
    return cancelledCall((error as Error).message) as Call
  }
}

const cancelledCall = (details: string): CallInterface => ({
  start(metadata, listener) {
    // A unary call's listener is given a message before its status, also where there is none.
    listener?.onReceiveMessage?.(null)
    listener?.onReceiveStatus?.({ code: CANCELLED, details, metadata })
  },
  cancelWithStatus() {},
  getPeer: () => '',
  sendMessageWithContext() {},
  sendMessage() {},
  startRead() {},
  halfClose() {},
  getAuthContext: () => null,
})
