import { createRomanClient, type RomanClient } from '@roman/sdk'

/** The key lives as long as the tab, and nowhere else. */
const STORAGE = 'roman.service_key'

export const storedKey = (): string | null => sessionStorage.getItem(STORAGE)
export const storeKey = (key: string): void => sessionStorage.setItem(STORAGE, key)
export const forgetKey = (): void => sessionStorage.removeItem(STORAGE)

/** The API is where the page came from. Asking again is the page's own business: it does so every other second. */
export const clientFor = (key: string): RomanClient =>
  createRomanClient({ url: window.location.origin, key, repetitionsMax: 0 })
