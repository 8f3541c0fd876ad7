/**
 * Text that PostgreSQL can store, from what a program has written: without NUL and without half characters, which would
 * fail the step that writes it, and every attempt after it.
 */
export const storable = (text: string): string => text.replaceAll(/\0|\p{Surrogate}/gu, '\ufffd')
