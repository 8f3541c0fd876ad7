import type { DeployRequest } from './port.ts'

const PLACEHOLDER = /\{(environment|version|git_commit|git_branch|service|event_id|fence|deployment_id)\}/g

/**
 * Replaces `{version}` and its like. One pass, so that a value that looks like a placeholder stays what it is; other
 * braces are left alone, for they belong to the command (`awk '{print}'`).
 */
export const fillPlaceholders = (text: string, request: DeployRequest): string =>
  text.replace(PLACEHOLDER, (_, name: keyof DeployRequest) => request[name])
