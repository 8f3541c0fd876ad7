/** For mutation testing only: the whole suite, but for the simulations, in one file, which starts many times faster. */
import fc from 'fast-check'
import './action-profile.spec.ts'
import './backtest.spec.ts'
import './brake.spec.ts'
import './decision-matrix.spec.ts'
import './explain.spec.ts'
import './gates.spec.ts'
import './health.spec.ts'
import './laws.spec.ts'
import './noise.spec.ts'
import './noise-simulation.spec.ts'
import './properties.spec.ts'
import './rollback-gate.spec.ts'
import './sequential.spec.ts'
import './target.spec.ts'
import './transitions.spec.ts'
import './verification.spec.ts'
import './watch.spec.ts'

// A mutant that lives through this many examples is not killed by more of them.
fc.configureGlobal({ numRuns: 25 })
