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
 * A number for a person: one decimal at most (`8.5`, `3`). It takes more where rounding would show the very threshold
 * that the value is above, so that a message never reads "5 errors/minute" of a limit of 5 that was broken.
 */
export function formatNumber(value: number, threshold?: number): string {
  for (let digits = 1; digits <= 6; digits += 1) {
    const rounded = Number(value.toFixed(digits))
    if (rounded !== threshold) return String(rounded)
  }
  return String(value)
}
