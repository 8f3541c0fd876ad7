import { fileURLToPath } from 'node:url'

/** The root of the checkout that this program runs from; apps and examples lie in it. */
export const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url))
