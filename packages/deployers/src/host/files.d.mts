/** Writes JSON, replacing what was there. On return it is on disk; a reader sees the old or the new file, whole. */
export function writeDurably(path: string, value: unknown): void
/** As {@link writeDurably}, but only where no such file is: false where another writer came first. */
export function claimDurably(path: string, value: unknown): boolean
