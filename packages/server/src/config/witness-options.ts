import { hash } from 'node:crypto'
import { parseVerifierKey, type VerifierKey } from '@vouchsafe/audit-log'
import { isLoopback } from '@vouchsafe/service'
import { option, readList, readUrl } from './option-values.ts'

const MAX_URLS = 32
const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

/** Who cosigns the trail's checkpoints; part of the one table in config.ts. */
export const WITNESS_OPTIONS = {
  'witness-url': option<readonly string[] | undefined>({
    flag: true,
    env: 'VOUCHSAFE_WITNESS_URL',
    fallback: undefined,
    read: (text) => readList(text).map(readWitnessUrl),
    doc: "witnesses that cosign the trail's checkpoints (C2SP tlog-witness): their submission prefixes, separated by commas; https, or http to loopback",
  }),
  'witness-key': option<readonly string[] | undefined>({
    flag: true,
    env: 'VOUCHSAFE_WITNESS_KEY',
    fallback: undefined,
    read: (text) => readList(text).map(readWitnessKey),
    doc: 'the verifier key of each witness-url, in their order (NAME+ID+KEY, Ed25519 or ML-DSA-44); repeat a URL that has two keys',
  }),
} as const

/** A witness of the trail, and the keys that it cosigns with. */
export interface ConfiguredWitness {
  /** Submission prefix, without a slash at the end. */
  url: string
  keys: readonly VerifierKey[]
}

/** What both options say together; what {@link witnessFault} refuses has been refused. */
export function witnessesOf(options: {
  witnessUrl: readonly string[] | undefined
  witnessKey: readonly string[] | undefined
}): ConfiguredWitness[] {
  const keys = options.witnessKey ?? []
  const byUrl = Map.groupBy(keys.keys(), (i) => options.witnessUrl![i]!)
  return [...byUrl].map(([url, places]) => ({ url, keys: places.map((i) => parseVerifierKey(sha256, keys[i]!)) }))
}

/** Why the options do not go together, if they do not. */
export function witnessFault({ witnessUrl = [], witnessKey = [] }: Partial<Parameters<typeof witnessesOf>[0]>): string | undefined {
  if (witnessUrl.length !== witnessKey.length) return 'give one witness-key for each witness-url, in the same order'
  if (witnessUrl.length > MAX_URLS) return `at most ${MAX_URLS} witnesses can be named`
  if (new Set(witnessKey).size < witnessKey.length) return 'no two witnesses have the same witness-key'
  return undefined
}

function readWitnessUrl(text: string): string {
  const url = new URL(readUrl(text))
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new Error('a witness has a URL without credentials, query and fragment')
  if (url.protocol !== 'https:' && !isLoopback(url.hostname)) throw new Error('http:// is for witnesses on loopback addresses only')
  return url.href.replace(/\/+$/, '')
}

function readWitnessKey(text: string): string {
  const { type } = parseVerifierKey(sha256, text)
  if (type === 'note') throw new Error("the key of a log, not a witness's")
  return text
}
