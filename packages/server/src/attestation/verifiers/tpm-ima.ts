/** tpm_ima: a quote, and the kernel's log of runtime measurements, whose first entries lead to the quoted PCR (contract §8.5). */
import { checkBootAggregate, parseImaLog, replayImaLog, TpmError } from '@vouchsafe/tpm'
import type { ImaEntry, ImaLog, ImaReplay, PcrBank } from '@vouchsafe/tpm'
import type { ReferenceSets } from '../reference-values/references.ts'
import type { Check } from '@vouchsafe/checks'
import { SAMPLE_IMA_LOG } from './samples/ima-log.ts'
import { HASHES, TpmEvidenceReader } from './tpm-evidence.ts'
import { pcrsInput, type Replayed } from './tpm-pcrs.ts'
import { verifyTpmQuote } from './tpm-quote.ts'
import { EvidenceError, type PolicyInput, type Verifier } from './verifier.ts'

const LOG_TYPE = 'ImaLog'
const IMA_PCR = 10
/** The kernel makes the boot aggregate of the PCRs below this (of 0–7 alone before Linux 5.8, and in SHA-1). */
const BOOT_PCRS = 10
/** Fields that hold a file's digest, and its name. */
const DIGEST_FIELDS: readonly string[] = ['d', 'd-ng', 'd-ngv2']
const NAME_FIELDS: readonly string[] = ['n', 'n-ng']

const reader = new TpmEvidenceReader(LOG_TYPE)

export const tpmIma: Verifier = {
  type: 'tpm_ima',
  evidenceSchema: reader.schema,
  certificateField: 'ak_cert',
  certificateOf: (evidence) => reader.certificates(evidence),
  verify(evidence, facts) {
    const parts = reader.read(evidence, Infinity)
    const checks = verifyTpmQuote(parts, facts)
    const appraised = appraiseImaLog(parts.log, parts.bank, facts.references, facts.limits.imaEntries)
    return { ...appraised, checks: () => [...checks, ...appraised.checks] }
  },
  samples() {
    const { value } = replayImaLog(parseImaLog(SAMPLE_IMA_LOG).entries, { algorithm: 'sha256' })
    const bank: PcrBank = { algorithm: 'sha256', values: new Map([[IMA_PCR, value]]) }
    return [appraiseImaLog(SAMPLE_IMA_LOG, bank, { lookup: () => 'matched', isWeak: () => false }, 100).input]
  },
}

/**
 * Replays a log, and matches what the quote covers of it. A log that does not replay or match is a verdict; one that cannot be parsed is an
 * error.
 */
function appraiseImaLog(bytes: Uint8Array, bank: PcrBank, references: ReferenceSets | undefined, maxEntries: number) {
  const { log, replay } = replayOf(bytes, bank, maxEntries)
  const [first] = log.entries
  // Without entry 0, which ties the log to the boot, the quote covers nothing of it. PCRs other than IMA's own may be extended by anyone.
  const replayed = first?.pcr === IMA_PCR && bank.values.has(IMA_PCR) && replay.authenticated !== undefined && replay.covers(first)
  const covered = replayed ? log.entries.filter((entry) => replay.covers(entry)) : []
  const usual = usualTemplates()
  const records = covered.map((entry) => recordOf(entry, usual(entry), references))
  const unauthenticatedEntries = log.entries.length - covered.length
  const unmatched = records.filter(({ ref_value_matched }) => !ref_value_matched).length
  const status = references === undefined ? 'no_reference_values' : !replayed ? 'ignore' : unmatched === 0 ? 'matched' : 'unmatched'
  const aggregate = bootAggregate(first, bank)
  const input: PolicyInput = {
    evidence: {
      logs: [
        {
          log_type: LOG_TYPE,
          is_log_valid: replayed && status === 'matched',
          log_status: replayed ? 'replay_success' : 'replay_failure',
          ref_value_match_status: status,
          log_data: { logs: records },
          unauthenticated_entries: unauthenticatedEntries,
          unmatched_entries: unmatched,
          violations: records.filter(({ violation }) => violation).length,
          boot_aggregate: aggregate.state,
          template_digests: replay.form,
        },
      ],
      pcrs: pcrsInput(bank, replayedPcrs(replay, bank)),
    },
  }
  const checks = [...pcrChecks(replay, bank), ...logChecks(log, replayed), aggregate.check, matchingCheck(records, status, unmatched)]
  return { input, checks }
}

function replayOf(bytes: Uint8Array, { algorithm, values }: PcrBank, entries: number): { log: ImaLog; replay: ImaReplay } {
  try {
    const log = parseImaLog(bytes, { hashes: HASHES, limits: { entries } })
    // The log tells which PCRs the host measures into; those that were quoted count.
    const measured = new Set([IMA_PCR, ...log.entries.map(({ pcr }) => pcr)])
    const expected = new Map([...values].filter(([index]) => measured.has(index)))
    return { log, replay: replayImaLog(log.entries, { algorithm, expected, hashes: HASHES }) }
  } catch (error) {
    if (error instanceof TpmError) throw new EvidenceError(`evidence.logs[0].log_data: ${error.message}`)
    throw error
  }
}

/** The quoted PCRs that the log measures into: with the value that its first entries produce, if that is the quoted one. */
function replayedPcrs({ pcrs }: ImaReplay, { values }: PcrBank): Map<number, Replayed> {
  return new Map(
    [...values].flatMap(([index, quoted]) => {
      const pcr = pcrs.get(index)
      if (pcr === undefined) return []
      const matched = pcr.authenticated !== undefined
      return [[index, { value: matched ? quoted : pcr.value, matched }] as const]
    }),
  )
}

type EntryInput = ReturnType<typeof recordOf>

/**
 * Whether an entry's first field is the digest and its second the name, as in every named template of the kernel. Field
 * names come from the log, and no PCR covers them: elsewhere bytes chosen by the file's writer, such as a signature, could be
 * labelled a digest.
 */
function usualTemplates(): (entry: ImaEntry) => boolean {
  const known = new Map<string, boolean>()
  return (entry) => {
    const { templateName } = entry
    const verdict = known.get(templateName) ?? isUsual(entry.fields?.map(({ id }) => id) ?? [])
    known.set(templateName, verdict)
    return verdict
  }
}

function isUsual([digest = '', name = '', ...others]: string[]): boolean {
  const taken = [...DIGEST_FIELDS, ...NAME_FIELDS]
  return DIGEST_FIELDS.includes(digest) && NAME_FIELDS.includes(name) && !others.some((id) => taken.includes(id))
}

/**
 * What the PCR covers, except `template_hash` and `template_name`, which are as logged; for a violation it covers only that there was one.
 */
function recordOf(entry: ImaEntry, usual: boolean, references: ReferenceSets | undefined) {
  const { number, pcr, templateName, violation } = entry
  const { path = '', fileDigest } = usual ? entry : {}
  const digest = fileDigest === undefined ? '' : fileDigest.digest.toHex()
  const exempt = number === 0 && path === 'boot_aggregate'
  const matched = references !== undefined && !violation && (exempt || references.lookup(digest, path) === 'matched')
  return {
    pcr_index: pcr,
    template_hash: entry.templateDigest.toHex(),
    template_name: templateName,
    file_hash_alg: fileDigest?.algorithm ?? '',
    ...(fileDigest?.type === undefined ? {} : { digest_type: fileDigest.type }),
    file_hash: digest,
    file_path: path,
    ref_value_matched: matched,
    ...(matched && !exempt && references.isWeak(digest) ? { weak_digest: true } : {}),
    ...(violation ? { violation } : {}),
  }
}

/** The first entry's digest of the PCRs before the kernel: comparable when they are in the same quote. */
function bootAggregate(first: ImaEntry | undefined, { algorithm, values }: PcrBank) {
  const needed = Array.from({ length: algorithm === 'sha1' ? 8 : BOOT_PCRS }, (_, index) => index)
  if (first === undefined || needed.some((index) => !values.has(index))) {
    const note = `unchecked: PCRs 0–${needed.at(-1)} are not in the quote`
    return { state: 'unchecked', check: { name: 'boot_aggregate', passed: false, found: 'unchecked', note } }
  }
  const check: Check = { ...checkBootAggregate(first, algorithm, values, HASHES), name: 'boot_aggregate' }
  return { state: check.passed ? 'matched' : 'mismatched', check }
}

function pcrChecks({ pcrs, form }: ImaReplay, { values }: PcrBank): Check[] {
  const digests = form === 'padded-sha1' ? 'SHA-1 template digests padded with zeros' : "template digests of the bank's own algorithm"
  const checks = [...pcrs].flatMap(([index, { value, entries, authenticated }]) => {
    const quoted = values.get(index)
    if (quoted === undefined) return [{ name: `pcr_${index}`, passed: false, note: `${entries} entries, but it was not quoted` }]
    if (authenticated === undefined)
      return [
        { name: `pcr_${index}`, passed: false, expected: quoted.toHex(), found: value.toHex(), note: `after any of ${entries} entries` },
      ]
    const note = `after ${authenticated} of ${entries} entries, ${digests}`
    return [{ name: `pcr_${index}`, passed: true, expected: quoted.toHex(), found: quoted.toHex(), note }]
  })
  return checks
}

function logChecks({ entries, incomplete }: ImaLog, replayed: boolean): Check[] {
  return [
    {
      name: 'log_replay',
      passed: replayed,
      ...(replayed ? {} : { note: `the quote covers no first entries of the log in PCR ${IMA_PCR}` }),
    },
    {
      name: 'whole_entries',
      passed: incomplete === 0,
      found: `${entries.length}`,
      ...(incomplete === 0 ? {} : { note: `the last ${incomplete} bytes are not a whole entry` }),
    },
  ]
}

function matchingCheck(records: readonly EntryInput[], status: string, unmatched: number): Check {
  const example = records.find(({ ref_value_matched }) => !ref_value_matched)
  const note =
    status === 'unmatched' && example
      ? `${unmatched} of ${records.length} entries, the first is ${example.violation ? 'a violation, ' : ''}${example.file_path.slice(0, 200)}`
      : undefined
  return { name: 'reference_values', passed: status === 'matched', found: status, ...(note === undefined ? {} : { note }) }
}
