const COUPONS = { WELCOME10: 0.1, FRIEND15: 0.15 }

/** Total of a cart in cents: `{items: [{price_cents, quantity}], coupon?: {code}}`. */
export function total(cart) {
  const sum = cart.items.reduce((cents, { price_cents, quantity }) => cents + price_cents * quantity, 0)
  const discount = COUPONS[cart.coupon?.code] ?? 0
  return Math.round(sum * (1 - discount))
}
