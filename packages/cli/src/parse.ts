import { InvalidArgumentError } from 'commander'

export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  }
  return port
}

export function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || count > 500) throw new InvalidArgumentError('Give a number from 1 to 500.')
  return count
}

export function parseRate(text: string): number {
  const rate = Number(text)
  if (text.trim() === '' || !(rate >= 0)) throw new InvalidArgumentError('Give a number from 0 on.')
  return rate
}

const DAYS = { h: 1 / 24, d: 1, w: 7 } as const

/** `30d`, `12h`, `8w`, in days. */
export function parseDays(text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([hdw])$/.exec(text) ?? []
  const days = Number(count) * DAYS[unit as keyof typeof DAYS]
  if (!(days > 0 && days <= 400))
    throw new InvalidArgumentError('Give hours, days or weeks, 400 days at most: 12h, 30d, 8w.')
  return days
}
