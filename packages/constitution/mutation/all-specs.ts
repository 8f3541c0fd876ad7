/**
 * For mutation testing only: the whole suite, but for the simulations, in one file, which starts many times faster. The
 * quick specs come first, since a mutant is done with at its first failing test.
 */
import fc from 'fast-check'
import '../test/decision-matrix.spec.ts'
import '../test/laws.spec.ts'
import '../test/brake.spec.ts'
import '../test/gates.spec.ts'
import '../test/rollback-gate.spec.ts'
import '../test/action-profile.spec.ts'
import '../test/migrations.spec.ts'
import '../test/target.spec.ts'
import '../test/transitions.spec.ts'
import '../test/verification.spec.ts'
import '../test/health.spec.ts'
import '../test/watch.spec.ts'
import '../test/reading.spec.ts'
import '../test/told.spec.ts'
import '../test/total.spec.ts'
import '../test/explain.spec.ts'
import '../test/sequential.spec.ts'
import '../test/noise.spec.ts'
import '../test/properties.spec.ts'
import '../test/backtest.spec.ts'
import '../test/noise-simulation.spec.ts'

// A mutant that lives through this many examples is not killed by more of them. The same examples in every run, and no
// search for a smaller counterexample: all that counts is that there is one.
fc.configureGlobal({ numRuns: 25, seed: 20_260_105, endOnFailure: true })
