/**
 * What explains and tries out, apart from what decides: workflows never need it, and so their bundle does not carry it.
 */
export {
  type Backtest,
  type BacktestChange,
  type BacktestDeployment,
  type BacktestRow,
  backtest,
  LABELS,
  type Label,
  type Missing,
  type PolicyScore,
  type Score,
} from './backtest.ts'
export {
  describePolicy,
  type ExplainedLine,
  type Explanation,
  explainRollback,
  type StoredStory,
} from './explain.ts'
export {
  type FalseRollbackChance,
  falseRollbackChance,
  type SignalNoise,
  type Steady,
  thresholdNoise,
} from './noise.ts'
export type { Replay, StoredLife } from './replay.ts'
export { criesWolf, type Remedy, WOLF_CHANCE, type Wolf } from './wolf.ts'
