export type { Conclusion, Run, RunScript, WorkflowFile } from './model.ts'
export {
  type DispatchRecord,
  type Fault,
  type Github,
  type GithubOptions,
  ROLLBACK_WORKFLOW,
  startGithub,
} from './server.ts'
