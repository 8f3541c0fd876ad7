import type { RollbackPhase, RollbackView } from '@roman/contracts'
import { plain } from './plain.ts'

const CELLS = 20

/** Where each phase begins, in percent of the way to live; the deploy itself takes the most of it. */
const BEGINS: Record<RollbackPhase, number> = {
  queued: 0,
  validating: 5,
  snapshotting: 10,
  claiming: 15,
  deploying: 20,
  switching: 95,
  undoing: 100,
  verifying: 100,
  ended: 100,
}

const WORDS: Record<RollbackPhase, string> = {
  queued: 'queued',
  validating: 'validating',
  snapshotting: 'taking a snapshot',
  claiming: 'taking the environment',
  deploying: 'deploying',
  switching: 'switching',
  undoing: 'live',
  verifying: 'live',
  ended: 'live',
}

/** `[██████████░░░░░░░░░░] 50% deploying: pushing image` */
export const progressBar = (view: Pick<RollbackView, 'phase' | 'progress'>): string => {
  const phase = view.phase in BEGINS ? (view.phase as RollbackPhase) : 'queued'
  const within = phase === 'deploying' ? clamp(view.progress?.percent ?? 0) / 100 : 0
  const percent = Math.floor(BEGINS[phase] + within * (BEGINS.switching - BEGINS.deploying))
  const said = phase === 'deploying' && view.progress?.text ? `: ${plain(view.progress.text, 80)}` : ''
  const words = percent === 100 ? '' : ` ${WORDS[phase]}${said}`
  const full = Math.floor((percent / 100) * CELLS)
  return `[${'█'.repeat(full)}${'░'.repeat(CELLS - full)}] ${percent}%${words}`
}

const clamp = (percent: number): number => Math.min(100, Math.max(0, percent))
