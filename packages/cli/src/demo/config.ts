import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHECKOUT } from '../checkout.ts'

/** All that the demo shortens, and all that it tells people it shortens. Seconds. */
export const SHORTENED = { window_seconds: 8, verify_seconds: 8, drain_seconds: 1, auto_rollback_within_seconds: 120 }

export const SERVICE = 'storefront'
export const ENVIRONMENT = 'production'

export interface DemoConfig {
  apiUrl: string
  serviceKey: string
  proxyAdminUrl: string
  discord: { alert_channel_id: string; approver_role_ids: string[]; override_role_ids: string[] }
}

/** Writes the demo's roman.yaml. Only its owner may read it: the storefront's key is in it. */
export function writeDemoConfig(file: string, { apiUrl, serviceKey, proxyAdminUrl, discord }: DemoConfig): void {
  // JSON is YAML, and quotes whatever a path or a key may hold.
  const json = JSON.stringify
  writeFileSync(
    file,
    `# Written by "roman demo".
services:
  ${SERVICE}:
    environments:
      ${ENVIRONMENT}:
        deployer:
          type: process
          argv: ${json([process.execPath, 'server.mjs', '{version}', '{port}', '{deployment_id}'])}
          cwd: ${json(join(CHECKOUT, 'examples', 'storefront'))}
          env: ${json({ ROMAN_URL: apiUrl, ROMAN_KEY: serviceKey, SERVICE, ENVIRONMENT })}
          proxy_admin_url: ${json(proxyAdminUrl)}
          drain_seconds: 5
          timeout_seconds: 30
        # Shortened, so that nobody has to wait for minutes. The thresholds are the defaults.
        watch: ${json(SHORTENED)}
discord: ${json(discord)}
`,
    { mode: 0o600 },
  )
}
