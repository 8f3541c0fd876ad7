import { DefaultLogger } from '@temporalio/worker'
import { buildBundle } from '../src/bundle.ts'

/**
 * How much the constitution adds to the workflows' bundle, every module of it that ships: the bundle with it less the same
 * bundle without it, both minified and without a source map, so that comments cost nothing. Every workflow worker loads and
 * keeps the bundle; what only looks back belongs behind `@roman/constitution/analysis`.
 */
const ADDED_MAX = 60_000

const sizeOf = async (aliases: Record<string, false>): Promise<number> => {
  const code = await buildBundle({
    logger: new DefaultLogger('ERROR'),
    webpackConfigHook: (config) => ({
      ...config,
      devtool: false,
      optimization: { ...config.optimization, minimize: true },
      resolve: { ...config.resolve, alias: { ...config.resolve?.alias, ...aliases } },
    }),
  })
  return Buffer.byteLength(code)
}

const whole = await sizeOf({})
const added = whole - (await sizeOf({ '@roman/constitution': false }))
const told = `The constitution adds ${(added / 1000).toFixed(1)} kB to the workflow bundle's ${(whole / 1000).toFixed(1)} kB, minified`
// Nothing at all would mean that it was not measured.
if (added > 0 && added < ADDED_MAX) console.log(`${told}; less than ${ADDED_MAX / 1000} kB.`)
else {
  console.error(
    `${told}; it must be more than nothing and less than ${ADDED_MAX / 1000} kB. Import less, or move what only explains and tries out behind @roman/constitution/analysis.`,
  )
  process.exitCode = 1
}
