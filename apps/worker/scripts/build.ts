import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { DefaultLogger, Runtime } from '@temporalio/worker'
import { BUNDLE_FILE, buildBundle } from '../src/bundle.ts'

Runtime.install({ logger: new DefaultLogger('WARN') })
await mkdir(path.dirname(BUNDLE_FILE), { recursive: true })
await writeFile(BUNDLE_FILE, await buildBundle())
