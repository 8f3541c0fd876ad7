import type { DecisionAnswer, DecisionRequest, GuardOutcome, GuardPhase } from '@roman/contracts'
import {
  applyDecision,
  askAboutRefusal,
  type BreachDecision,
  type ControlContext,
  decideOnBreach,
  endGuard,
  expireDecision,
  setGuardPhase,
} from '@roman/control'

/** The guard's short transactions. Each may run twice. */
export interface GuardSteps {
  setGuardPhase(input: { deployment_id: string; phase: GuardPhase }): Promise<void>
  decideOnBreach(input: { deployment_id: string; phase: string }): Promise<BreachDecision>
  askAboutRefusal(input: { deployment_id: string; event_id: string }): Promise<BreachDecision>
  applyDecision(input: {
    verb: 'approve' | 'reject' | 'override'
    request: DecisionRequest
    request_id: string | null
  }): Promise<DecisionAnswer>
  expireDecision(input: { decision_id: string }): Promise<{ expired: boolean; event_id: string | null }>
  endGuard(input: { deployment_id: string; outcome: GuardOutcome }): Promise<void>
}

export const createGuardSteps = (context: ControlContext): GuardSteps => ({
  setGuardPhase: ({ deployment_id, phase }) => setGuardPhase(context, deployment_id, phase),
  decideOnBreach: async ({ deployment_id, phase }) => {
    await setGuardPhase(context, deployment_id, 'deciding')
    return decideOnBreach(context, deployment_id, phase)
  },
  askAboutRefusal: ({ deployment_id, event_id }) => askAboutRefusal(context, deployment_id, event_id),
  applyDecision: ({ verb, request, request_id }) => applyDecision(context, verb, request, request_id),
  expireDecision: ({ decision_id }) => expireDecision(context, decision_id),
  endGuard: async ({ deployment_id, outcome }) => {
    await endGuard(context, deployment_id, outcome)
  },
})
