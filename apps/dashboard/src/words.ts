import { RomanApiError, RomanConnectionError } from '@roman/sdk'

/** What nobody measured, or is not known yet. */
export const UNKNOWN = '–'

export const number = (value: number | null, digits = 1): string =>
  value === null ? UNKNOWN : value.toLocaleString('en', { maximumFractionDigits: digits })

/** A share of 0 to 1 as a percentage. */
export const share = (value: number | null): string => (value === null ? UNKNOWN : `${number(value * 100)} %`)

export function duration(ms: number | null): string {
  if (ms === null) return UNKNOWN
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`
}

export function ago(timestamp: string | null): string {
  if (timestamp === null) return UNKNOWN
  const seconds = Math.max(0, (Date.now() - Date.parse(timestamp)) / 1000)
  if (seconds < 5) return 'just now'
  if (seconds < 60) return `${Math.floor(seconds)} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86_400)} d ago`
}

export const clock = (timestamp: string): string => new Date(timestamp).toLocaleTimeString()
export const commit = (hash: string): string => hash.slice(0, 7)
/** `waiting_for_people` → `waiting for people`. */
export const spaced = (name: string): string => name.replaceAll('_', ' ')

/** An error as a person may read it. */
export function wordsOf(error: unknown): string {
  if (error instanceof RomanConnectionError)
    return 'The server does not answer. It may be starting, or your connection is down.'
  if (error instanceof RomanApiError) return error.message
  return 'Something on this page failed. Reload it.'
}
