import type { HashAlgorithm } from '@vouchsafe/tpm'

/** What the configuration says of a TPM, a key in it and what is quoted. */
export interface TpmSettings {
  /** In the words of `parseTpmAddress`. */
  readonly tpm: string
  readonly akHandle: number
  readonly certificate: { readonly nvIndex: number } | { readonly path: string }
  readonly pcrs: { readonly algorithm: HashAlgorithm; readonly indices: readonly number[] }
  /** What the key must sign with; undefined leaves that to the key. */
  readonly scheme: { readonly scheme: 'rsassa' | 'rsapss' | 'ecdsa'; readonly hash: HashAlgorithm } | undefined
  readonly logPath: string
}

export interface CollectRequest {
  readonly settings: TpmSettings
  /** What the quote must carry: at most 32 bytes, none where nobody asks for freshness. */
  readonly qualifyingData: Uint8Array
  /** The name that the key's certificate must have, unless that is left to it. */
  readonly nodeId: string | undefined
  /** Milliseconds since 1970. */
  readonly now: number
  /** Told what is odd about the host but no reason to fail. */
  readonly warn: (message: string) => void
}

export interface Collected {
  /** The common name of the key's certificate. */
  readonly nodeId: string
  /** In the form that the server takes. */
  readonly evidence: unknown
}

/** One kind of evidence: what is read on this host, and in which form it is sent. The table of all is in index.ts. */
export interface Attester {
  /** The `attester_type`. */
  readonly type: string
  readonly defaults: { readonly pcrs: readonly number[]; readonly logPath: string }
  /** Compares a log as it was read with PCR values of one moment. */
  readonly agreement: (log: ReadLog, pcrs: ReadonlyMap<number, Uint8Array>, algorithm: HashAlgorithm) => Agreement
  /** Bytes of the log that are read at most. */
  readonly logLimit: number
  /** @throws {AgentError} `collection` */
  collect(request: CollectRequest): Promise<Collected>
}

export interface ReadLog {
  readonly bytes: Uint8Array
  /** Whether the file ended within the limit. */
  readonly whole: boolean
}

export interface Agreement {
  /** What is sent of the log. */
  readonly bytes: Uint8Array
  /** Why the log does not lead to the PCR values; undefined when it does. */
  readonly problem: string | undefined
}
