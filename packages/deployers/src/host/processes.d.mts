/** A process that cannot be mistaken for a later one under the same pid: `started` holds the boot and the start time. */
export interface ProcessIdentity {
  pid: number
  started: string
}

/** Who runs under this pid now; null where nobody does, or only a zombie. */
export function identify(pid: number): ProcessIdentity | null
export function isAlive(identity: ProcessIdentity): boolean
/** The living members of the process group that `identity` leads or led. */
export function groupMembers(identity: ProcessIdentity): number[]
export function signalGroup(identity: ProcessIdentity, signal: NodeJS.Signals): void
/** TERM to the whole group, KILL after `graceMs`. False where something outlived even that for 5 s. */
export function endGroup(identity: ProcessIdentity, graceMs: number): Promise<boolean>
