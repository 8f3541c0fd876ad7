import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  base: '/app/admin/roman-dashboard/',
  plugins: [react()],
  // Everything comes from files of our own: the page's policy allows nothing inline.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } },
})
