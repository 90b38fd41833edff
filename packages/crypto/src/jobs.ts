/** What the crypto workers do, and the messages that ask for it. Key objects travel by structured clone; bytes are copies of their own. */
import type { KeyObject } from 'node:crypto'
import type { Sm2Ciphertext } from './ec-encoding.ts'
import type { EcSpec } from './spec.ts'

export type Job =
  | { operation: 'sm2-sign'; key: KeyObject; publicKey: KeyObject; input: Uint8Array }
  | { operation: 'sm2-verify'; publicKey: KeyObject; input: Uint8Array; signature: Uint8Array }
  | { operation: 'sm2-encrypt'; publicKey: KeyObject; input: Uint8Array }
  | { operation: 'sm2-decrypt'; key: KeyObject; input: Sm2Ciphertext }
  | { operation: 'ec-sign-digest'; spec: EcSpec; key: KeyObject; input: Uint8Array }
  | { operation: 'ec-verify-digest'; spec: EcSpec; publicKey: KeyObject; input: Uint8Array; signature: Uint8Array }
  | { operation: 'rsa-sign-encoded'; key: KeyObject; input: Uint8Array }
  | { operation: 'rsa-decrypt-pkcs1'; key: KeyObject; input: Uint8Array }

/** The result per operation: undefined where a ciphertext does not decrypt. Signatures of curves are `r ‖ s`. */
export interface JobResults {
  'sm2-sign': Uint8Array
  'sm2-verify': boolean
  'sm2-encrypt': Sm2Ciphertext
  'sm2-decrypt': Uint8Array | undefined
  'ec-sign-digest': Uint8Array
  'ec-verify-digest': boolean
  'rsa-sign-encoded': Uint8Array
  'rsa-decrypt-pkcs1': Uint8Array | undefined
}

export type JobResult = JobResults[Job['operation']]

/** What a worker posts back: a result, or that the job failed in a way it should not have. Never a library's own message. */
export type JobReply = { result: JobResult } | { failed: string }
