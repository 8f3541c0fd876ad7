/** Errors as a steady Poisson process, the same ones in every run. Independent of what is tested. */
export function poissonTimes(seed: number) {
  let state = BigInt(seed)
  const next = () => {
    // Knuth's MMIX generator; the upper bits are the good ones.
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n
    return Number(state >> 11n) / 2 ** 53
  }
  return (perMinute: number, seconds: number): number[] => {
    const times: number[] = []
    for (let at = 0; ; ) {
      at += (-Math.log(1 - next()) * 60) / perMinute
      if (at > seconds) return times
      times.push(at)
    }
  }
}
