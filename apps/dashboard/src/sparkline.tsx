import { useEffect, useState } from 'react'

const POINTS_MAX = 60
const [WIDTH, HEIGHT] = [120, 26]
/** The scale never gets finer than this many errors a minute, so that one error is not a mountain. */
const SCALE_MIN = 5

/** The error rate since the page was opened, one point per reading. */
export function Sparkline({ value, at }: { value: number | null; at: string }) {
  const [trail, setTrail] = useState<{ at: string; value: number }[]>([])
  useEffect(() => {
    if (value === null) return
    setTrail((before) => (before.at(-1)?.at === at ? before : [...before, { at, value }].slice(-POINTS_MAX)))
  }, [value, at])
  const top = Math.max(SCALE_MIN, ...trail.map((point) => point.value))
  const points = trail.map((point, index) => {
    const x = WIDTH - (trail.length - 1 - index) * (WIDTH / (POINTS_MAX - 1))
    return `${x.toFixed(1)},${(HEIGHT - 1 - (point.value / top) * (HEIGHT - 2)).toFixed(1)}`
  })
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(' ')} />
    </svg>
  )
}
