// New in 2.5.3: coupons in any case ("welcome10"), and seasonal ones that add to them.
const COUPONS = { WELCOME10: 0.1, FRIEND15: 0.15 }
const SEASONAL = { WELCOME10: 0.05 }

/** Total of a cart in cents: `{items: [{price_cents, quantity}], coupon?: {code}}`. */
export function total(cart) {
  const sum = cart.items.reduce((cents, { price_cents, quantity }) => cents + price_cents * quantity, 0)
  const code = cart.coupon.code.toUpperCase()
  const discount = (COUPONS[code] ?? 0) + (SEASONAL[code] ?? 0)
  return Math.round(sum * (1 - discount))
}
