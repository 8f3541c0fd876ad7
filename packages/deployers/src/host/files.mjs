// Files that are whole or absent, also after a power cut. Plain JavaScript for the same reason as processes.mjs.
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

function writeTemporary(path, value) {
  const temporary = `${path}.${process.pid}.${process.hrtime.bigint()}.tmp`
  const file = openSync(temporary, 'wx', 0o600)
  try {
    writeFileSync(file, JSON.stringify(value))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return temporary
}

function syncDirectory(path) {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

export function writeDurably(path, value) {
  renameSync(writeTemporary(path, value), path)
  syncDirectory(dirname(path))
}

export function claimDurably(path, value) {
  const temporary = writeTemporary(path, value)
  try {
    // Like O_EXCL, link() has exactly one winner; unlike it, the winner's file is never seen half written.
    linkSync(temporary, path)
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(temporary, { force: true })
  }
  syncDirectory(dirname(path))
  syncDirectory(dirname(dirname(path)))
  return true
}
