/** Statements that the check judges one by one. */
const JUDGED = [
  'AlterTableStmt',
  'ClusterStmt',
  'CreatePolicyStmt',
  'CreateStmt',
  'CreateTableAsStmt',
  'CreateTrigStmt',
  'DeleteStmt',
  'DoStmt',
  'IndexStmt',
  'InsertStmt',
  'LockStmt',
  'MergeStmt',
  'RefreshMatViewStmt',
  'ReindexStmt',
  'RenameStmt',
  'SelectStmt',
  'TruncateStmt',
  'UpdateStmt',
  'VacuumStmt',
]
/** Statements that change the catalog alone, and read no table. */
const HARMLESS = [
  'AlterDefaultPrivilegesStmt',
  'AlterEnumStmt',
  'AlterFunctionStmt',
  'AlterOwnerStmt',
  'AlterPolicyStmt',
  'AlterSeqStmt',
  'CommentStmt',
  'CompositeTypeStmt',
  'CreateDomainStmt',
  'CreateEnumStmt',
  'CreateFunctionStmt',
  'CreateSchemaStmt',
  'CreateSeqStmt',
  'DropStmt',
  'GrantStmt',
  'ViewStmt',
]
/** By their names in PostgreSQL's parser. */
export const KNOWN = new Set([...JUDGED, ...HARMLESS])
