import { readFileSync, watch } from 'node:fs'
import path from 'node:path'
import { RomanError } from '@roman/contracts'
import { type EnvironmentConfig, type RomanConfig, romanConfig } from '@roman/contracts/schemas'
import { parseDocument } from 'yaml'
import type { z } from 'zod'
import type { Logger } from './logger.ts'

const describe = (issue: z.core.$ZodIssue): string => {
  const where = issue.path.join('.') || '(top level)'
  if (issue.code === 'unrecognized_keys') {
    return `${where}: unknown key ${issue.keys.map((key) => `"${key}"`).join(', ')}`
  }
  if (issue.code === 'invalid_value') return `${where}: accepted values are ${issue.values.map(String).join(', ')}`
  if (issue.code === 'invalid_union' && 'discriminator' in issue && issue.discriminator !== undefined) {
    const options = 'options' in issue && Array.isArray(issue.options) ? issue.options : []
    return `${where}: accepted values are ${options.map(String).join(', ')}`
  }
  return `${where}: ${issue.message}`
}

/** Reads and validates roman.yaml's text. Throws an error that names every wrong key by its path. */
export const parseRomanConfig = (text: string, file: string): RomanConfig => {
  const document = parseDocument(text, { prettyErrors: true })
  if (document.errors.length > 0) {
    throw new Error(`${file} is not valid YAML: ${document.errors[0]?.message ?? 'unreadable'}`)
  }
  const parsed = romanConfig.safeParse(document.toJS() ?? {})
  if (parsed.success) return parsed.data
  throw new Error(`${file} is not usable. ${parsed.error.issues.map(describe).join('; ')}.`)
}

export const readRomanConfig = (file: string): RomanConfig => {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(
      `${file} cannot be read. Write one (docs/configuration.md shows how) or name it with ROMAN_CONFIG.`,
      {
        cause: error,
      },
    )
  }
  return parseRomanConfig(text, path.basename(file))
}

export interface RomanConfigSource {
  /** What is in force now. Take it once per decision, so that a reload cannot change it half-way. */
  current(): RomanConfig
  close(): void
}

/** A config in force that does not change; for tests and one-off commands. */
export const fixedRomanConfig = (config: RomanConfig): RomanConfigSource => ({ current: () => config, close: () => {} })

const SETTLE_MS = 100

/**
 * Reads roman.yaml and follows it. A change that does not validate is logged and the last good one stays in force;
 * deployments recorded before a change keep the policy they were recorded with.
 */
export const watchRomanConfig = (file: string, log: Logger): RomanConfigSource => {
  let current = readRomanConfig(file)
  let timer: NodeJS.Timeout | undefined
  const reload = (): void => {
    try {
      const next = readRomanConfig(file)
      if (JSON.stringify(next) === JSON.stringify(current)) return
      current = next
      log.info({ file }, 'roman.yaml was reloaded')
    } catch (error) {
      log.error(
        { reason: (error as Error).message },
        'roman.yaml was changed and is not usable; the last good one stays in force',
      )
    }
  }
  // The folder is watched, not the file: editors and config maps replace files by renaming.
  const watcher = watch(path.dirname(file), { persistent: false }, () => {
    clearTimeout(timer)
    timer = setTimeout(reload, SETTLE_MS)
    timer.unref()
  })
  watcher.on('error', (error) => log.warn({ reason: error.message }, 'roman.yaml can no longer be watched'))
  return {
    current: () => current,
    close: () => {
      clearTimeout(timer)
      watcher.close()
    },
  }
}

/** The environment's configuration, or an error that lists what there is. */
export const environmentOf = (
  config: RomanConfig,
  service: string | undefined,
  environment: string,
): { service: string; config: EnvironmentConfig } => {
  const services = Object.keys(config.services)
  const name = service ?? (services.length === 1 ? services[0] : undefined)
  if (name === undefined) {
    throw new RomanError(
      'unknown_service',
      `Several services are configured. Name one as "service": ${services.join(', ')}.`,
      { services },
    )
  }
  const found = Object.hasOwn(config.services, name) ? config.services[name] : undefined
  if (found === undefined) {
    throw new RomanError(
      'unknown_service',
      `Service "${name}" is not configured. Configured: ${services.join(', ')}; add it to roman.yaml.`,
      { services },
    )
  }
  const environments = Object.keys(found.environments)
  const environmentConfig = Object.hasOwn(found.environments, environment) ? found.environments[environment] : undefined
  if (environmentConfig === undefined) {
    throw new RomanError(
      'unknown_environment',
      `Environment "${environment}" of service "${name}" is not configured. Configured: ${environments.join(', ')}; add it to roman.yaml.`,
      { environments },
    )
  }
  return { service: name, config: environmentConfig }
}

/**
 * Whether the environment has a source that would notice a service that is silent because it is down. Without one, a
 * known-good rests on errors only.
 */
export const noticesSilence = (config: Pick<EnvironmentConfig, 'health'> | null): boolean =>
  config?.health.some(
    (source) =>
      source.type === 'http' || (source.type === 'prometheus' && source.queries.requests_per_minute !== undefined),
  ) ?? false
