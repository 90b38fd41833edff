import type { Config, EnabledAttester } from './config.ts'
import { AgentError } from './errors.ts'
import type { Log } from './log.ts'
import { evidenceDocument, qualifyingData } from './wire.ts'
import type { EvidenceDocument, Freshness } from './wire.ts'
import { WorkQueue } from './work-queue.ts'

/** How many requests wait for the TPM before more are refused. */
const MAX_WAITING = 64

/** One attester to use, and the policies that decide about its evidence. */
export interface Selected {
  readonly enabled: EnabledAttester
  readonly policyIds: readonly string[] | undefined
}

/** Collects evidence of the enabled attesters, for one caller after the other. */
export class Collector {
  readonly #config: Config
  readonly #log: Log
  readonly #now: () => number
  readonly #queue = new WorkQueue(MAX_WAITING)

  constructor(config: Config, log: Log, now: () => number) {
    this.#config = config
    this.#log = log
    this.#now = now
  }

  /** The enabled attesters of these types, all of them for undefined. Throws AgentError `input`. */
  select(types: readonly string[] | undefined): readonly EnabledAttester[] {
    const { attesters } = this.#config
    if (attesters.length === 0) throw new AgentError('input', 'No enabled plugins found in configuration')
    if (types === undefined) return attesters
    return types.map((type, index) => {
      if (types.indexOf(type) < index) throw new AgentError('input', `attester_type: '${type}' is listed twice`)
      const found = attesters.find(({ attester }) => attester.type === type)
      if (found === undefined)
        throw new AgentError(
          'input',
          `Plugin not found: '${type}' (attester_type; enabled: ${attesters.map(({ attester }) => attester.type).join(', ')})`,
        )
      return found
    })
  }

  /** Evidence of one moment, ready to be sent to the server. Throws AgentError. */
  collect(selected: readonly Selected[], freshness: Freshness, attesterData: unknown): Promise<EvidenceDocument> {
    return this.#queue.run(async () => {
      const evidences = []
      let nodeId = this.#config.nodeId
      for (const { enabled, policyIds } of selected) {
        const collected = await enabled.attester.collect({
          settings: enabled.settings,
          qualifyingData: qualifyingData(freshness),
          nodeId,
          now: this.#now(),
          warn: (message) => this.#log.warn(message),
        })
        nodeId ??= collected.nodeId
        if (nodeId !== collected.nodeId)
          throw new AgentError('collection', `the attesters' certificates are for different nodes, '${nodeId}' and '${collected.nodeId}'`)
        evidences.push({ attester_type: enabled.attester.type, evidence: collected.evidence, policy_ids: policyIds ?? null })
      }
      return evidenceDocument(freshness, nodeId!, attesterData, evidences)
    })
  }

  /** Does other work that needs the TPM to itself, in its turn. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run(work)
  }
}
