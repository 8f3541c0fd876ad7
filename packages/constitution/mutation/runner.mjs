import path from 'node:path'
import vm from 'node:vm'
import { build } from 'esbuild'
import fc from 'fast-check'
import { specs } from './specs.mjs'

/**
 * A test runner for Stryker that runs the specs in its own process. The pure package needs nothing that a test runner of
 * its own gives, and starting one anew for each of thousands of mutants takes most of the time. The specs are bundled once.
 * The bundle is loaded afresh for each mutant of a value that is made at load time, and after it, so that these count like
 * all others.
 *
 * A mutant's run ends with the first test that fails.
 */
class InProcessRunner {
  constructor() {
    // By this name the instrumented sources know which mutant is active, and report what they cover.
    globalThis.__stryker__ ??= {}
    this.mutants = globalThis.__stryker__
  }

  capabilities() {
    return { reloadEnvironment: true }
  }

  /** In the sandbox, where the sources hold all mutants. */
  async init() {
    const { outputFiles } = await build({
      entryPoints: [path.resolve('mutation/all-specs.ts')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['vitest', 'fast-check'],
      // The package says that its files have no side effects; the specs have one.
      ignoreAnnotations: true,
      // In memory: all runners share one sandbox.
      write: false,
      logLevel: 'error',
    })
    this.bundle = new vm.Script(`(function (require, module, exports) {${outputFiles[0].text}\n})`)
  }

  async dryRun({ coverageAnalysis }) {
    this.mutants.activeMutant = undefined
    const tests = []
    for (const test of this.load().tests) {
      if (coverageAnalysis === 'perTest') this.mutants.currentTestId = test.id
      tests.push(await run(test))
      this.mutants.currentTestId = undefined
    }
    return { status: 'complete', tests, mutantCoverage: this.mutants.mutantCoverage }
  }

  async mutantRun({ activeMutant, mutantActivation, testFilter, hitLimit }) {
    // A mutant of load time must be there at load time; any other only once all is loaded, as its coverage was measured.
    const atLoad = mutantActivation === 'static'
    this.mutants.activeMutant = atLoad ? activeMutant.id : undefined
    this.mutants.hitCount = 0
    this.mutants.hitLimit = hitLimit
    let ran = 0
    try {
      const { tests, setUpAgain } = atLoad ? this.load() : (this.loaded ?? this.load())
      setUpAgain()
      const wanted = testFilter ? tests.filter(({ id }) => testFilter.includes(id)) : tests
      if (wanted.length === 0) return { status: 'error', errorMessage: 'None of the tests that cover it is there' }
      this.mutants.activeMutant = activeMutant.id
      for (const test of wanted) {
        const result = await run(test)
        ran += 1
        if (this.mutants.hitCount > hitLimit) return { status: 'timeout', reason: `Hit more than ${hitLimit} times` }
        if (result.status === FAILED) {
          return { status: 'killed', killedBy: [test.id], failureMessage: result.failureMessage, nrOfTests: ran }
        }
      }
    } catch (error) {
      // A mutant of load time may keep the specs from loading; any other has no such excuse.
      if (!atLoad) return { status: 'error', errorMessage: String(error) }
      return { status: 'killed', killedBy: [], failureMessage: String(error), nrOfTests: ran }
    } finally {
      this.mutants.activeMutant = undefined
      if (atLoad) this.loaded = undefined
    }
    return { status: 'survived', nrOfTests: ran }
  }

  load() {
    const { vitest, ...collected } = specs()
    const modules = { vitest, 'fast-check': { __esModule: true, ...fc, default: fc } }
    const module = { exports: {} }
    this.bundle.runInThisContext()((name) => modules[name], module, module.exports)
    this.loaded = collected
    return collected
  }
}

const SUCCESS = 0
const FAILED = 1

async function run({ id, body }) {
  const startedAt = performance.now()
  const timed = (result) => ({ id, name: id, timeSpentMs: performance.now() - startedAt, ...result })
  try {
    await body()
    return timed({ status: SUCCESS })
  } catch (error) {
    return timed({ status: FAILED, failureMessage: String(error) })
  }
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'in-process', injectableClass: InProcessRunner }]
