/**
 * What TPM evidence costs, as ratios to the bare cryptography under it in the same run, since machines differ. Part of `npm run bench`; alone with
 * `npm run bench -- --only tpm`.
 */
import { hash, verify } from 'node:crypto'
import { parseEventLog, parseSignature, replay, verifyImaLog, verifyQuote } from '@vouchsafe/tpm'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { hostMeasurements, imaPcr, templateData, writeImaLog } from '@vouchsafe/testkit/ima-log-writer'
import { ecAk, rsaAk, someBank, softwareQuote } from '@vouchsafe/testkit/software-quote'
import type { Report } from './figures.ts'
import { median } from './statistics.ts'

const ROUNDS = 7
const IMA_ENTRIES = 100_000
const BOOT_LOG_BYTES = 41_000

interface Timing {
  ms: number
  ratio: number
}

/** Milliseconds of one call, and its ratio to another's: the middle ones of several rounds in which they take turns, so that a noisy moment hits both. */
function compare(count: number, ours: () => unknown, bare: () => unknown): Timing {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const least = milliseconds(count, bare)
    const ms = milliseconds(count, ours)
    return { ms, ratio: ms / least }
  })
  return { ms: median(rounds.map(({ ms }) => ms)), ratio: median(rounds.map(({ ratio }) => ratio)) }
}

function milliseconds(count: number, work: () => unknown): number {
  const started = performance.now()
  for (let i = 0; i < count; i++) work()
  return (performance.now() - started) / count
}

type Row = (name: string, timing: Timing, of: string) => void

export function benchTpm(report: Report): void {
  const row: Row = (name, { ms, ratio }, of) => report.row(name, { ms, [`of ${of}`]: ratio })
  benchBootLog(row)
  benchIma(row)
  benchQuotes(row)
}

/** Bare hashing: an extend per digest. */
function benchBootLog(row: Row): void {
  const banks = ['sha1', 'sha256'] as const
  let log = bootLog({ banks }).bytes()
  for (let revocations = 20; log.length < BOOT_LOG_BYTES; revocations += 20) log = bootLog({ banks, revocations }).bytes()
  const extended = parseEventLog(log).events.filter(({ typeName }) => typeName !== 'EV_NO_ACTION')
  const pairs = banks.map((bank) => extended.map(({ digests }) => Buffer.concat([digests[bank]!, digests[bank]!])))
  const whole = () => {
    const parsed = parseEventLog(log)
    return banks.map((bank) => replay(parsed, bank))
  }
  const bare = () => banks.map((bank, i) => pairs[i]!.map((pair) => hash(bank, pair, 'buffer')))
  const size = `${(log.length / 1000).toFixed(0)} kB, ${extended.length} extends in each of 2 banks`
  row(`tpm: boot log, ${size}`, compare(50, whole, bare), 'bare hashing')
}

/**
 * Bare hashing: of every entry the template data, and the extend; for an ASCII log also SHA-1 of the template data, since its template digests decide where
 * entries end. One call of node:crypto per digest, which gives bytes; beside that the same as strings, which is several times faster, and what we do inside.
 */
function benchIma(row: Row): void {
  const host = hostMeasurements(IMA_ENTRIES)
  const expected = imaPcr(host, 'sha256')
  const data = host.map(templateData)
  const [lengths, all] = [data.map(({ length }) => length), Buffer.concat(data)]
  const pair = Buffer.alloc(64)
  const bytes = (algorithm: string, from: Uint8Array, at: number) => pair.set(hash(algorithm, from, 'buffer'), at)
  const strings = (algorithm: string, from: Uint8Array, at: number) => pair.write(hash(algorithm, from, 'binary'), at, 'latin1')
  const bare = (format: string, digest: typeof bytes | typeof strings) => () => {
    let at = 0
    for (const length of lengths) {
      const entry = all.subarray(at, (at += length))
      if (format === 'ascii') digest('sha1', entry, 0)
      digest('sha256', entry, 32)
      digest('sha256', pair, 0)
    }
  }
  for (const format of ['binary', 'ascii'] as const) {
    const log = writeImaLog(host, { format })
    const whole = () => verifyImaLog(log, { algorithm: 'sha256', expected })
    if (whole().replay.authenticated !== IMA_ENTRIES) throw new Error('the log does not lead to its PCR')
    const name = `tpm: IMA log, ${IMA_ENTRIES.toLocaleString('en-US')} entries, ${format}`
    row(name, compare(1, whole, bare(format, bytes)), 'bare hashing')
    row(`${name}, strings`, compare(1, whole, bare(format, strings)), 'bare hashing to strings')
  }
  const log = writeImaLog(host, { format: 'binary' })
  const { state } = verifyImaLog(log, { algorithm: 'sha256', expected: imaPcr(host.slice(0, -100), 'sha256') }).replay
  const rest = log.subarray(state!.offset)
  const more = () => verifyImaLog(rest, { algorithm: 'sha256', expected, state })
  row('tpm: its last 100 entries, from a saved state', compare(1, more, bare('binary', bytes)), 'bare hashing of all')
}

/** Bare verification: node:crypto's, of the same bytes with the same key. */
function benchQuotes(row: Row): void {
  const qualifyingData = Buffer.alloc(32, 1)
  const pcrs = someBank(
    'sha256',
    Array.from({ length: 24 }, (_, i) => i),
  )
  const aks = { 'RSA-2048': rsaAk(2048, 'rsassa', 'sha256'), 'P-256': ecAk('P-256', 'sha256') }
  for (const [name, ak] of Object.entries(aks)) {
    const { publicKey } = ak
    const { quote, signature } = softwareQuote(ak, qualifyingData, [pcrs])
    const options = { key: publicKey, dsaEncoding: 'ieee-p1363' as const }
    const parsed = parseSignature(signature)
    const bareSignature = 'r' in parsed ? Buffer.concat([parsed.r, parsed.s]) : 'signature' in parsed ? parsed.signature : new Uint8Array()
    const whole = () => verifyQuote({ quote, signature, publicKey, qualifyingData, pcrs }).valid
    const bare = () => verify('sha256', quote, options, bareSignature)
    if (!whole() || !bare()) throw new Error('the quote is not valid')
    row(`tpm: quote of 24 PCRs, ${name}`, compare(2000, whole, bare), 'crypto.verify')
  }
}
