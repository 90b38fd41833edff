// The words and shapes of the attestation authority's API in the era of the document (contract §0, S): one place for what a later dialect
// says differently.

/** The version of the service that challenge and attest state. */
export const SERVICE_VERSION = '1.0'

/** The body of a refusal; challenge and attest include the service's version. */
export function errorBody(message: string, versioned: boolean): Record<string, string> {
  return versioned ? { service_version: SERVICE_VERSION, message } : { message }
}

export type NonceType = 'ignore' | 'user' | 'default'

/** `verifier` is the later dialect's word for `default`; absent is `default` too. */
export const NONCE_TYPES: ReadonlyMap<string | undefined, NonceType> = new Map<string | undefined, NonceType>([
  [undefined, 'default'],
  ['default', 'default'],
  ['verifier', 'default'],
  ['user', 'user'],
  ['ignore', 'ignore'],
])
