const DISCORD_EPOCH_MS = 1_420_070_400_000
let last = 0n

/** Discord's ids: milliseconds since 2015 in the upper bits, so that they sort by time; never the same one twice. */
export const snowflake = (): string => {
  const next = BigInt(Date.now() - DISCORD_EPOCH_MS) << 22n
  last = next > last ? next : last + 1n
  return last.toString()
}
