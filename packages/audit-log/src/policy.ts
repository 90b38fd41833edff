/** C2SP tlog-policy: which logs and witnesses are trusted, and how many of them must have signed a checkpoint. */
import { decodeDecimal, encodeUtf8, equalBytes, decodeUtf8 } from './bytes.ts'
import { parseCheckpoint, type Checkpoint } from './checkpoint.ts'
import { LogFormatError, SignatureError } from './errors.ts'
import type { Note } from './note.ts'
import { checkSignatures, verifyNote, type SignatureCheck } from './signature.ts'
import type { Hash } from './tree.ts'
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from './verifier-key.ts'

export interface PolicyLog {
  /** Its name is the log's origin. */
  key: VerifierKey
  url?: string
}

export interface PolicyWitness {
  /** Has a meaning in the policy only. */
  name: string
  /** Of a cosigning type. */
  key: VerifierKey
  url?: string
}

/** A group has seen a checkpoint if at least `threshold` of its members have. */
export interface PolicyGroup {
  name: string
  threshold: number
  /** Names of witnesses and of groups before it. */
  members: readonly string[]
}

export interface Policy {
  logs: readonly PolicyLog[]
  witnesses: readonly PolicyWitness[]
  groups: readonly PolicyGroup[]
  /** Name of a witness or group; `none` if no witness is needed. */
  quorum: string
}

/** A checkpoint that satisfies a policy. */
export interface TrustedCheckpoint extends Checkpoint {
  log: VerifierKey
  /** The witnesses whose cosignatures are right, with the time of each in seconds since 1970. */
  witnesses: { name: string; timestamp: number }[]
}

const MAX_POLICY_BYTES = 1024 * 1024
const MAX_LINES = 10_000
/** Of logs, of witnesses, of groups. */
const MAX_EACH = 256

/**
 * Reads a policy file.
 * @throws {LogFormatError} for more than 1 MiB, 256 logs, witnesses or groups, and whatever the format refuses; names the line
 *
 * @example
 * parsePolicy(sha256, policyFile).quorum // → 'w1'
 * parsePolicy(sha256, 'quorum nobody\n') // throws LogFormatError
 */
export function parsePolicy(hash: Hash, file: Uint8Array | string): Policy {
  const bytes = typeof file === 'string' ? encodeUtf8(file) : file
  if (bytes.length > MAX_POLICY_BYTES) throw new LogFormatError('policy', `is longer than ${MAX_POLICY_BYTES} bytes`)
  const lines = latin1(bytes).split('\n', MAX_LINES + 1)
  if (lines.pop() !== '') throw new LogFormatError('policy', 'does not end in a newline, or has too many lines')
  const reader = new PolicyReader(hash)
  for (const [i, line] of lines.entries()) {
    try {
      reader.line(line)
    } catch (error) {
      if (error instanceof LogFormatError) throw new LogFormatError(`policy, line ${i + 1}`, error.message)
      throw error
    }
  }
  return reader.policy()
}

/**
 * The text form of a policy.
 *
 * @example
 * formatPolicy({ logs: [], witnesses: [], groups: [], quorum: 'none' }) // → 'quorum none\n'
 */
export function formatPolicy({ logs, witnesses, groups, quorum }: Policy): string {
  const lines = [
    ...logs.map(({ key, url }) => ['log', formatVerifierKey(key), url]),
    ...witnesses.map(({ name, key, url }) => ['witness', name, formatVerifierKey(key), url]),
    ...groups.map(({ name, threshold, members }) => ['group', name, String(threshold), ...members]),
    ['quorum', quorum],
  ]
  return lines.map((words) => `${words.filter((word) => word !== undefined).join(' ')}\n`).join('')
}

/**
 * Verifies a signed checkpoint by a policy: one of its logs, whose name is the origin, signed it, and the quorum of witnesses did. A witness's wrong
 * signature does not count; the log's makes the checkpoint wrong.
 * @throws {SignatureError} says what is missing
 * @throws {LogFormatError} if the note is no checkpoint
 *
 * @example
 * const policy = parsePolicy(sha256, policyFile)
 * verifyCheckpoint(parseNote(checkpoint), policy, verifySignature) // throws SignatureError
 * (await verifyCheckpoint(parseNote(checkpoint), { ...policy, quorum: 'none' }, verifySignature)).size // → size
 */
export async function verifyCheckpoint(note: Note, policy: Policy, check: SignatureCheck): Promise<TrustedCheckpoint> {
  const checkpoint = parseCheckpoint(note.text)
  const logs = policy.logs.filter(({ key }) => key.name === checkpoint.origin)
  if (logs.length === 0) throw new SignatureError(`the policy has no log ${checkpoint.origin}`)
  const [signature] = await verifyNote(
    note,
    logs.map(({ key }) => key),
    check,
  )
  const cosignatures = await checkSignatures(
    note,
    policy.witnesses.map(({ key }) => key),
    check,
  )
  const witnesses = policy.witnesses.flatMap(({ name, key }) => {
    const times = cosignatures.flatMap((one) => (one.key === key && one.valid ? [one.timestamp ?? 0] : []))
    return times.length === 0 ? [] : [{ name, timestamp: Math.max(...times) }]
  })
  const seen = new Set(witnesses.map(({ name }) => name))
  for (const { name, threshold, members } of policy.groups)
    if (members.filter((member) => seen.has(member)).length >= threshold) seen.add(name)
  if (policy.quorum !== 'none' && !seen.has(policy.quorum))
    throw new SignatureError(
      `the quorum ${policy.quorum} is not reached: ${witnesses.length} of ${policy.witnesses.length} witnesses signed`,
    )
  return { ...checkpoint, log: signature!.key, witnesses }
}

class PolicyReader {
  readonly #hash: Hash
  readonly #logs: PolicyLog[] = []
  readonly #witnesses: PolicyWitness[] = []
  readonly #groups: PolicyGroup[] = []
  readonly #names = new Set<string>()
  readonly #members = new Set<string>()
  #quorum: string | undefined

  constructor(hash: Hash) {
    this.#hash = hash
  }

  line(line: string): void {
    if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line)) throw new LogFormatError('line', 'has control characters')
    const trimmed = line.replaceAll('\t', ' ').trimStart()
    if (trimmed.startsWith('#')) return
    const [keyword, ...rest] = trimmed.split(' ').filter((word) => word !== '')
    if (keyword === undefined) return
    const words = rest.map(asUtf8)
    if (keyword === 'log') this.#log(words)
    else if (keyword === 'witness') this.#witness(words)
    else if (keyword === 'group') this.#group(words)
    else if (keyword === 'quorum') this.#setQuorum(words)
    else throw new LogFormatError('line', 'has an unknown keyword')
  }

  policy(): Policy {
    if (this.#quorum === undefined) throw new LogFormatError('policy', 'has no quorum')
    return { logs: this.#logs, witnesses: this.#witnesses, groups: this.#groups, quorum: this.#quorum }
  }

  #log([text = '', url, ...rest]: string[]): void {
    if (rest.length > 0) throw new LogFormatError('log', 'has too many words')
    const key = parseVerifierKey(this.#hash, text)
    if (key.type === 'cosignature-ed25519') throw new LogFormatError('log', 'has the key of a witness')
    add(this.#logs, url === undefined ? { key } : { key, url }, 'log')
  }

  #witness([name = '', text = '', url, ...rest]: string[]): void {
    if (rest.length > 0) throw new LogFormatError('witness', 'has too many words')
    this.#define(name)
    const key = parseVerifierKey(this.#hash, text)
    if (key.type === 'note') throw new LogFormatError('witness', 'has the key of a log')
    add(this.#witnesses, url === undefined ? { name, key } : { name, key, url }, 'witness')
  }

  #group([name = '', rule = '', ...members]: string[]): void {
    if (this.#groups.length === MAX_EACH) throw new LogFormatError('group', `is one of more than ${MAX_EACH}`)
    for (const member of members) {
      if (!this.#names.has(member)) throw new LogFormatError('group', 'has a member that is not defined before it')
      if (this.#members.has(member)) throw new LogFormatError('group', 'has a member that is in a group already')
      this.#members.add(member)
    }
    const threshold = rule === 'all' ? members.length : rule === 'any' ? 1 : decodeDecimal(rule, 'threshold')
    if (threshold < 1 || threshold > members.length) throw new LogFormatError('group', 'has no such threshold')
    this.#define(name)
    this.#groups.push({ name, threshold, members })
  }

  #setQuorum([name = '', ...rest]: string[]): void {
    if (rest.length > 0 || this.#quorum !== undefined) throw new LogFormatError('quorum', 'is there twice')
    if (name !== 'none' && !this.#names.has(name)) throw new LogFormatError('quorum', 'is not defined before it')
    this.#quorum = name
  }

  #define(name: string): void {
    if (name === '' || name === 'none' || this.#names.has(name)) throw new LogFormatError('name', 'is missing, taken or reserved')
    this.#names.add(name)
  }
}

/** Adds a log or witness, whose key must be another than all others' of its sort. */
function add<Entry extends { key: VerifierKey }>(list: Entry[], entry: Entry, sort: string): void {
  if (list.length === MAX_EACH) throw new LogFormatError(sort, `is one of more than ${MAX_EACH}`)
  if (list.some(({ key }) => equalBytes(key.publicKey, entry.key.publicKey)))
    throw new LogFormatError(sort, 'has a key that is there already')
  list.push(entry)
}

/** The format is one of octets: comments need not be UTF-8. */
function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return text
}

function asUtf8(word: string): string {
  return decodeUtf8(
    Uint8Array.from(word, (character) => character.charCodeAt(0)),
    'line',
  )
}
