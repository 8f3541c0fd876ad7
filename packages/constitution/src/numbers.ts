/** A plain JSON object, as against null, an array or a scalar. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A measurement that means something: finite and not negative. Anything else is no data, which is neither good nor bad. Adding 0 turns -0 into 0. */
export function measured(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value + 0 : null
}

export function clampToUnit(value: number): number {
  return Math.min(1, Math.max(0, value))
}

/**
 * A number for a person: one decimal at most (`8.5`, `3`), halves rounded up as they are written in decimals (0.15 is 0.2).
 * Beside a threshold it takes more, up to six, until it lies on the side of the threshold that the value lies on, and else
 * is shown whole: a message never reads "5 errors/minute" of a limit of 5 that was broken. A threshold itself is shown whole.
 */
export function formatNumber(value: number, threshold?: number): string {
  for (let digits = 1; digits <= 6; digits += 1) {
    const shown = rounded(value, digits)
    if (threshold === undefined || Math.sign(shown - threshold) === Math.sign(value - threshold)) return String(shown)
  }
  return String(value)
}

/** Doubles as large as this have no decimals worth rounding, and larger ones no plain decimal form. */
const ROUNDED_BELOW = 1e15

function rounded(value: number, digits: number): number {
  if (!(Math.abs(value) < ROUNDED_BELOW)) return value
  // Shifted as text: 0.15 * 10 would be computed from a double a hair below 0.15.
  const [mantissa, exponent = '0'] = String(value).split('e')
  return Number(`${Math.round(Number(`${mantissa}e${Number(exponent) + digits}`))}e-${digits}`)
}
