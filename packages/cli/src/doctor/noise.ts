import { type RuntimeEnv, readRomanConfig } from '@roman/runtime'
import { createRomanClient, RomanConnectionError } from '@roman/sdk'
import { rateWord, share } from '../screen/noise-view.ts'
import { type Finding, messageOf, not, ok } from './finding.ts'

const WITHIN_MS = 5000

/** Whether the rules in roman.yaml would cry wolf, as the API judges by what it has seen. Nothing where there is no API to ask. */
export async function checkNoise(env: RuntimeEnv): Promise<Finding[]> {
  if (env.service_key === undefined) return []
  const api = createRomanClient({ url: env.roman_url, key: env.service_key, repetitionsMax: 0 })
  const findings: Finding[] = []
  for (const { service, environment } of environmentsOf(env)) {
    const name = `Noise of ${service} in ${environment}`
    try {
      const answer = await api.thresholds({ service, environment }, { timeoutMs: WITHIN_MS })
      const fact = `at ${rateWord(answer)}: ${share(answer.chance_per_deployment.at_most)} of deployments rolled back for nothing`
      const ways = answer.remedies.map(({ words, chance_per_deployment: then }) => `${words} (then ${share(then)})`)
      findings.push(answer.warning === null ? ok(name, fact) : not('warning', name, fact, `${ways.join(', or ')}.`))
    } catch (error) {
      // That it does not answer is said by the API's own finding.
      if (error instanceof RomanConnectionError) return findings
      findings.push(not('warning', name, messageOf(error), 'Let the API read the same roman.yaml.'))
    }
  }
  return findings
}

/** None where roman.yaml cannot be read; the configuration's own finding says that. */
function environmentsOf(env: RuntimeEnv): { service: string; environment: string }[] {
  try {
    return Object.entries(readRomanConfig(env.config_file).services).flatMap(([service, { environments }]) =>
      Object.keys(environments).map((environment) => ({ service, environment })),
    )
  } catch {
    return []
  }
}
