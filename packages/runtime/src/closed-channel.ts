import type { ConnectionOptions } from '@temporalio/client'

export type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number]
type Call = ReturnType<Interceptor>
type CallInterface = ReturnType<Parameters<Interceptor>[1]>

const CANCELLED = 1
/** gRPC has no class for it. */
const SHUT_DOWN = 'Channel has been shut down'

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
    if ((error as Error).message !== SHUT_DOWN) throw error
    // The type asks for gRPC's class where it uses the interface, as for the calls of its own.
    return cancelledCall as Call
  }
}

const cancelledCall: CallInterface = {
  start(metadata, listener) {
    // What comes with a status is shown with the error; what goes with a call has the API key in it.
    const nothing = metadata.clone()
    for (const key of Object.keys(nothing.getMap())) nothing.remove(key)
    // A unary call's listener is given a message before its status, also where there is none.
    listener?.onReceiveMessage?.(null)
    listener?.onReceiveStatus?.({ code: CANCELLED, details: SHUT_DOWN, metadata: nothing })
  },
  cancelWithStatus() {},
  getPeer: () => '',
  sendMessageWithContext() {},
  sendMessage() {},
  startRead() {},
  halfClose() {},
  getAuthContext: () => null,
}
