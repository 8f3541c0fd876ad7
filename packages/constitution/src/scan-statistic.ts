/** A cluster that a sliding window would report: at least `count` arrivals within `windowSeconds`, anywhere in `spanSeconds`. */
export type Cluster = { count: number; windowSeconds: number; spanSeconds: number; ratePerMinute: number }

/**
 * The chance that Poisson arrivals at a steady rate put `count` or more into some window that slides continuously over the
 * span. Windows that are still filling at the span's start hold no more than those that have filled, so that a watch which
 * counts from zero needs no correction.
 *
 * With ψ the mean of one window, L the span in windows, p and F the Poisson probabilities at ψ, and Q(L) the chance of no
 * cluster: Q(2) and Q(3) are exact, and Q(L) ≈ Q(2)·[Q(3)/Q(2)]^(L−2).
 * J. I. Naus, "Approximations for Distributions of Scan Statistics", JASA 77 (1982) 177–183, theorem 1 and its corollary;
 * also J. Glaz, J. Naus, S. Wallenstein, "Scan Statistics" (Springer 2001), chapter 3. A span of no more than one window is
 * the plain Poisson tail. Within 0.01 of the truth for spans of two windows and more, 0.015 between one and two.
 */
export function chanceOfCluster({ count, windowSeconds, spanSeconds, ratePerMinute }: Cluster): number {
  if (!(ratePerMinute > 0) || !(spanSeconds > 0)) return 0
  if (count <= 0) return 1
  if (!Number.isFinite(ratePerMinute)) return 1
  const mean = (ratePerMinute * Math.min(windowSeconds, spanSeconds)) / 60
  // Among so many the deviations are small: either it is out of reach, or it is sure to come.
  if (count > COUNT_MAX) return mean < 0.9 * count ? 0 : 1
  if (spanSeconds <= windowSeconds) return toChance(1 - poisson(mean, count).atMost(count - 1))
  const none = noClusterIn(count, mean)
  const windows = spanSeconds / windowSeconds
  // Too small for a number: a cluster is as good as certain.
  if (!(none.two > 0 && none.three > 0)) return 1
  const decay = Math.min(1, none.three / none.two)
  return toChance(1 - none.two * decay ** (windows - 2))
}

const COUNT_MAX = 20_000

/** Q(2) and Q(3): the chance of no window with `k` or more arrivals in a span of two and of three windows. */
function noClusterIn(k: number, mean: number): { two: number; three: number } {
  const { exactly: p, atMost: F } = poisson(mean, 2 * k)
  const two = F(k - 1) ** 2 - (k - 1) * p(k) * p(k - 2) - (k - 1 - mean) * p(k) * F(k - 3)
  const a1 = 2 * p(k) * F(k - 1) * ((k - 1) * F(k - 2) - mean * F(k - 3))
  const inner = (k - 1) * (k - 2) * F(k - 3) - 2 * (k - 2) * mean * F(k - 4) + mean ** 2 * F(k - 5)
  const a2 = 0.5 * p(k) ** 2 * inner
  let a3 = 0
  let a4 = 0
  for (let r = 1; r < k; r += 1) {
    a3 += p(2 * k - r) * F(r - 1) ** 2
    a4 += p(2 * k - r) * p(r) * ((r - 1) * F(r - 2) - mean * F(r - 3))
  }
  return { two, three: F(k - 1) ** 3 - a1 + a2 + a3 - a4 }
}

/** Poisson probabilities up to `most`, in logarithms first: the mean may be in the thousands. */
function poisson(mean: number, most: number) {
  const exact: number[] = []
  const cumulated: number[] = []
  let log = -mean
  let sum = 0
  for (let n = 0; n <= most; n += 1) {
    if (n > 0) log += Math.log(mean / n)
    exact.push(Math.exp(log))
    sum = Math.min(1, sum + Math.exp(log))
    cumulated.push(sum)
  }
  return { exactly: (n: number) => exact[n] ?? 0, atMost: (n: number) => cumulated[n] ?? 0 }
}

function toChance(value: number): number {
  return Math.min(1, Math.max(0, value))
}
