import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type BundleOptions, bundleWorkflowCode } from '@temporalio/worker'

export const BUNDLE_FILE = fileURLToPath(new URL('../dist/workflows.js', import.meta.url))

/** Builds the workflows' bundle: what runs, replayed, in Temporal's sandbox. */
export const buildBundle = async (options: Partial<BundleOptions> = {}): Promise<string> => {
  const { code } = await bundleWorkflowCode({
    ...options,
    workflowsPath: fileURLToPath(new URL('./workflows/index.ts', import.meta.url)),
  })
  return code
}

/** The bundle that `pnpm build` made. */
export const readBundle = async (): Promise<string> => {
  try {
    return await readFile(BUNDLE_FILE, 'utf8')
  } catch (error) {
    throw new Error(`${BUNDLE_FILE} is missing. Build it first: "pnpm build".`, { cause: error })
  }
}
