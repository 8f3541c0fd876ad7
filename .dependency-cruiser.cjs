/** Dependencies point inward: apps → db, deployers, health, sdk → contracts → constitution → nothing. */
const only = (name, from, allowed, fix) => ({
  name,
  severity: 'error',
  comment: fix,
  from: { path: from, pathNot: '\\.(spec|test)\\.tsx?$|/test/' },
  to: { path: '^(apps|packages)/', pathNot: [from, ...allowed.map((p) => `^packages/${p}/`)] },
})
/** What is behind `@roman/constitution/analysis`. */
const ANALYSIS =
  '^packages/constitution/src/(analysis|backtest|explain|noise|noise-simulation|replay|scan-statistic|wolf)\\.ts'
const LOOKING_BACK = 'it makes their bundle larger, and a change of it would have to keep recorded histories replaying.'

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'Move what both need into a third file.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'constitution-is-pure',
      severity: 'error',
      comment: 'The constitution has no I/O and no dependency: pass what it needs in as evidence.',
      from: { path: '^packages/constitution/src', pathNot: '\\.(spec|test)\\.ts$' },
      to: { pathNot: '^packages/constitution/src' },
    },
    {
      name: 'workflows-are-deterministic',
      severity: 'error',
      comment:
        'Workflow code may import the constitution, contracts’ types and names, and @temporalio/workflow. Put I/O in an activity.',
      from: { path: '^apps/worker/src/workflows', pathNot: '\\.(spec|test)\\.ts$' },
      to: {
        pathNot: [
          '^apps/worker/src/workflows',
          // As types only: a value from there would drag Node into the bundle, whose build then fails.
          '^apps/worker/src/activities',
          '^packages/constitution/src',
          '^packages/contracts/src/(?!schemas)',
          '@temporalio/(workflow|common)',
        ],
      },
    },
    {
      name: 'workflows-do-not-look-back',
      severity: 'error',
      comment: `What explains and tries out is not for workflows: ${LOOKING_BACK} Call it from an activity or a use-case.`,
      from: { path: '^apps/worker/src/workflows' },
      to: { path: ANALYSIS },
    },
    {
      name: 'what-workflows-import-does-not-look-back',
      severity: 'error',
      comment: `Workflows import this, and would carry what it imports: ${LOOKING_BACK}`,
      from: { path: '^packages/(constitution/src/index|contracts/src/index)\\.ts' },
      to: { path: ANALYSIS, reachable: true },
    },
    only(
      'contracts-know-the-constitution',
      '^packages/contracts/',
      ['constitution'],
      'Contracts hold names, types and schemas only.',
    ),
    only(
      'runtime-is-low',
      '^packages/runtime/',
      ['constitution', 'contracts'],
      'Runtime starts processes; it knows no domain.',
    ),
    only(
      'db-is-an-adapter',
      '^packages/db/',
      ['constitution', 'contracts'],
      'The database layer stores; use-cases live in packages/control.',
    ),
    only(
      'audit-proves-alone',
      '^packages/audit/',
      ['constitution', 'contracts', 'db', 'runtime'],
      'The audit chain knows the two tables and nothing of what is written there.',
    ),
    only(
      'deployers-are-adapters',
      '^packages/deployers/',
      ['contracts'],
      'A deployer knows its port (contracts) and its vendor.',
    ),
    only(
      'health-is-an-adapter',
      '^packages/health/',
      ['constitution', 'contracts'],
      'A health source knows its port and its vendor.',
    ),
    only(
      'snapshots-know-a-database-only',
      '^packages/snapshots/',
      [],
      'It describes and compares what a connection shows; what is stored and whose it is lives in packages/control.',
    ),
    only(
      'control-has-no-adapters',
      '^packages/control/',
      ['constitution', 'contracts', 'db', 'runtime', 'audit', 'snapshots'],
      'Use-cases know ports, not vendors.',
    ),
    only(
      'sdk-knows-the-api-only',
      '^packages/sdk/',
      ['contracts'],
      'The SDK speaks HTTP; it knows nothing of the server’s insides.',
    ),
    only(
      'cli-is-a-client',
      '^packages/cli/',
      ['contracts', 'sdk', 'local-stack', 'runtime', 'testing', 'constitution', 'db', 'deployers', 'audit'],
      'The CLI goes through the SDK; only migrate, audit, dev, demo and doctor touch parts.',
    ),
    only(
      'apps-do-not-know-each-other',
      '^apps/([^/]+)/',
      ['[^/]+'],
      'Apps meet in packages, over HTTP or over Temporal.',
    ),
    {
      name: 'product-never-imports-testing',
      severity: 'error',
      comment: 'Stand-ins are for tests and the demo.',
      from: { path: '^(apps|packages)/', pathNot: '^packages/(testing|cli)/|\\.(spec|test)\\.tsx?$|/test/' },
      to: { path: '^packages/testing/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|generated)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
