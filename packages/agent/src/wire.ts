// The shapes of the agent's REST API and of the calls to the server (contract §2, §5, §7, era S).
import { AGENT_VERSION } from './version.ts'

export type NonceType = 'ignore' | 'user' | 'default'

/** As the server issues it; `iat` in seconds since 1970, `value` and `signature` standard base64. */
export interface Nonce {
  readonly iat: number
  readonly value: string
  readonly signature: string
}

/** What makes a quote fresh: nothing, a nonce of the asker's own, or one of the server's. */
export type Freshness =
  { readonly type: 'ignore' } | { readonly type: 'user'; readonly userNonce: string } | { readonly type: 'default'; readonly nonce: Nonce }

export interface AttesterEvidence {
  readonly attester_type: string
  readonly evidence: unknown
  readonly policy_ids: readonly string[] | null
}

/** The answer of `evidences`, and the body of the server's `attest`. */
export interface EvidenceDocument {
  readonly agent_version: string
  readonly nonce_type: NonceType
  readonly user_nonce: string | null
  readonly measurements: readonly [
    {
      readonly node_id: string
      readonly nonce: Nonce | null
      readonly attester_data: unknown
      readonly evidences: readonly AttesterEvidence[]
    },
  ]
}

/** Bytes of a nonce that a quote covers (contract §6.1, G1). */
const QUOTED_BYTES = 32

/** What the quote must carry: the first 32 bytes that the nonce's text encodes, or all where there are fewer. */
export function qualifyingData(freshness: Freshness): Uint8Array {
  if (freshness.type === 'ignore') return new Uint8Array(0)
  const text = freshness.type === 'user' ? freshness.userNonce : freshness.nonce.value
  return Buffer.from(text, 'base64').subarray(0, QUOTED_BYTES)
}

export function evidenceDocument(
  freshness: Freshness,
  nodeId: string,
  attesterData: unknown,
  evidences: readonly AttesterEvidence[],
): EvidenceDocument {
  return {
    agent_version: AGENT_VERSION,
    nonce_type: freshness.type,
    user_nonce: freshness.type === 'user' ? freshness.userNonce : null,
    measurements: [
      {
        node_id: nodeId,
        nonce: freshness.type === 'default' ? freshness.nonce : null,
        attester_data: attesterData ?? null,
        evidences,
      },
    ],
  }
}
