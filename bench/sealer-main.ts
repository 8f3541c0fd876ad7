import { type Sealer, startSealer } from '@roman/audit'
import { waitFor } from '@roman/local-stack'

const log = { info: () => {}, warn: console.error, error: console.error }
let sealer: Sealer | null = null

/** Seals the database that it is told, until it is told another or none. Ends with the channel. */
const seal = async (url: string | null): Promise<void> => {
  await sealer?.stop()
  sealer = null
  if (url === null) return
  const started = startSealer({ url, log })
  sealer = started
  await waitFor(() => started.sealing, { timeoutMs: 10_000, describe: 'the sealer' })
}

process.on('message', ({ url }: { url: string | null }) => {
  seal(url).then(
    () => process.send!({}),
    (error: Error) => process.send!({ error: error.message }),
  )
})
process.on('disconnect', () => process.exit())
