import { RESTJSONErrorCodes } from 'discord-api-types/v10'

/** An answer in Discord's error form: `{message, code, errors?}` with its HTTP status. */
export class DiscordError extends Error {
  readonly status: number
  readonly code: number
  readonly errors: Record<string, unknown> | undefined

  constructor(status: number, code: number, message: string, errors?: Record<string, unknown>) {
    super(message)
    this.status = status
    this.code = code
    this.errors = errors
  }

  body(): Record<string, unknown> {
    return { message: this.message, code: this.code, ...(this.errors === undefined ? {} : { errors: this.errors }) }
  }
}

export const unauthorized = () => new DiscordError(401, 0, '401: Unauthorized')
export const notFound = () => new DiscordError(404, 0, '404: Not Found')
export const unknownChannel = () => new DiscordError(404, RESTJSONErrorCodes.UnknownChannel, 'Unknown Channel')
export const unknownMessage = () => new DiscordError(404, RESTJSONErrorCodes.UnknownMessage, 'Unknown Message')
export const unknownInteraction = () =>
  new DiscordError(404, RESTJSONErrorCodes.UnknownInteraction, 'Unknown interaction')
export const unknownWebhook = () => new DiscordError(404, RESTJSONErrorCodes.UnknownWebhook, 'Unknown Webhook')
export const alreadyAcknowledged = () =>
  new DiscordError(
    400,
    RESTJSONErrorCodes.InteractionHasAlreadyBeenAcknowledged,
    'Interaction has already been acknowledged.',
  )
export const othersMessage = () =>
  new DiscordError(
    403,
    RESTJSONErrorCodes.CannotEditMessageAuthoredByAnotherUser,
    'Cannot edit a message authored by another user',
  )
export const emptyMessage = () =>
  new DiscordError(400, RESTJSONErrorCodes.CannotSendAnEmptyMessage, 'Cannot send an empty message')
export const denied = (code: 50001 | 50013) =>
  new DiscordError(403, code, code === 50001 ? 'Missing Access' : 'Missing Permissions')

/** `path` names the field, dots between its parts. */
export const invalidForm = (path: string, code: string, message: string) => {
  const leaf: Record<string, unknown> = { _errors: [{ code, message }] }
  const errors = path.split('.').reduceRight((inner, key) => ({ [key]: inner }), leaf)
  return new DiscordError(400, RESTJSONErrorCodes.InvalidFormBodyOrContentType, 'Invalid Form Body', errors)
}
