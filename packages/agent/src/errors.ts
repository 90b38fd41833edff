// What can go wrong between a caller, the host and the server: one table of kinds, with the words of the original agent.

/** Each kind's words before the message, and the HTTP status with which callers see it. */
const KINDS = {
  /** The caller's request. */
  input: { prefix: '', status: 400 },
  /** The TPM, the attestation key, its certificate or a log. */
  collection: { prefix: 'Failed to collect evidence: ', status: 503 },
  /** The server could not be reached, or did not answer in time. */
  network: { prefix: 'Network error: ', status: 503 },
  /** The server refused, or its answer is not usable. */
  server: { prefix: 'Server error: ', status: 503 },
  /** The server answered without a token for this node. */
  'no-token': { prefix: 'No token received in server response: ', status: 503 },
  /** Too much is under way. */
  busy: { prefix: '', status: 503 },
  'rate-limited': { prefix: '', status: 429 },
  /** A web page's request, or one under a foreign name. */
  forbidden: { prefix: '', status: 403 },
  'too-large': { prefix: '', status: 413 },
} as const

export type AgentErrorKind = keyof typeof KINDS

/** A failure whose message may be shown to callers: it names what is wrong and holds no secret. */
export class AgentError extends Error {
  override readonly name = 'AgentError'
  readonly kind: AgentErrorKind

  constructor(kind: AgentErrorKind, message: string, options: { cause?: unknown } = {}) {
    super(KINDS[kind].prefix + message, options)
    this.kind = kind
  }

  get status(): number {
    return KINDS[this.kind].status
  }
}

/** One line of what an error says. */
export function messageOf(error: unknown): string {
  const { message } = error as { message?: unknown }
  return (typeof message === 'string' && message !== '' ? message : String(error)).split('\n')[0]!
}
