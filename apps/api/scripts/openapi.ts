import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Control } from '@roman/control'
import { buildServer } from '../src/server.ts'

/** Writes the document that the SDK is generated from. Only routes are read, so nothing behind them is needed. */
const target = fileURLToPath(new URL('../../../packages/sdk/openapi.json', import.meta.url))
const app = await buildServer({ control: {} as Control, serviceKey: 'unused' })
await writeFile(target, `${JSON.stringify(app.swagger(), null, 2)}\n`)
await app.close()
