import type { HashAlgorithm } from '../hash.ts'
import { algorithmIds, readHash } from './algorithms.ts'
import { HASHED_LIMIT, readDigest } from './digest.ts'
import { parseWhole } from './parse.ts'
import type { PcrSelection } from './pcr-selection.ts'
import { encodePcrSelections, readPcrSelections } from './pcr-selection.ts'
import type { TpmReader } from './reader.ts'
import { TpmWriter } from './writer.ts'

/** TPM_GENERATED_VALUE, "\xffTCG": what a TPM puts before everything that it made itself (TPM 2.0 Library, Part 2, §6.2). */
export const TPM_GENERATED = 0xff544347

/** TPM_ST of each kind of attestation (Part 2, §6.9). */
export const attestTags = {
  nv: 0x8014,
  'command-audit': 0x8015,
  'session-audit': 0x8016,
  certify: 0x8017,
  quote: 0x8018,
  time: 0x8019,
  creation: 0x801a,
  'nv-digest': 0x801c,
} as const

export type AttestType = keyof typeof attestTags

/**
 * TPMS_CLOCK_INFO (Part 2, §10.11.1). `clock`: milliseconds for which the TPM was powered; `safe`: the clock was never ahead of what is shown.
 * For a key outside the endorsement and platform hierarchies the TPM obfuscates the counters and the firmware version.
 */
export type ClockInfo = { clock: bigint; resetCount: number; restartCount: number; safe: boolean }

/** What each kind of attestation says (TPMU_ATTEST, Part 2, §10.12.11). */
export type Attested =
  | { type: 'quote'; pcrSelections: PcrSelection[]; pcrDigest: Uint8Array }
  | { type: 'certify'; certifiedName: Uint8Array; certifiedQualifiedName: Uint8Array }
  | { type: 'creation'; objectName: Uint8Array; creationHash: Uint8Array }
  | { type: 'time'; time: bigint; timeClockInfo: ClockInfo; timeFirmwareVersion: bigint }
  | { type: 'nv'; indexName: Uint8Array; nvOffset: number; nvContents: Uint8Array }
  | { type: 'nv-digest'; indexName: Uint8Array; nvDigest: Uint8Array }
  | { type: 'session-audit'; exclusiveSession: boolean; sessionDigest: Uint8Array }
  | { type: 'command-audit'; auditCounter: bigint; auditHash: HashAlgorithm; auditDigest: Uint8Array; commandDigest: Uint8Array }

/** TPMS_ATTEST (Part 2, §10.12.12). `extraData` is the caller's qualifying data, `qualifiedSigner` the Qualified Name of the signing key. */
export type Attest = { qualifiedSigner: Uint8Array; extraData: Uint8Array; clockInfo: ClockInfo; firmwareVersion: bigint } & Attested

export type QuoteAttest = Extract<Attest, { type: 'quote' }>

const types = new Map<number, AttestType>(Object.entries(attestTags).map(([type, tag]) => [tag, type as AttestType]))

/**
 * TPMS_ATTEST that is all of the bytes; without the size that a TPM2B_ATTEST has before it.
 *
 * @example
 * const attest = parseAttest(quote)
 * attest.type === 'quote' && attest.clockInfo.resetCount // → 3
 */
export function parseAttest(bytes: Uint8Array): Attest {
  return parseWhole(bytes, 'TPMS_ATTEST', readAttest)
}

/**
 * Reads a TPMS_ATTEST.
 *
 * @example
 * readAttest(new TpmReader(quote)).type // → 'quote'
 */
export function readAttest(reader: TpmReader): Attest {
  const magic = reader.u32('magic')
  if (magic !== TPM_GENERATED) throw reader.error('magic', `0x${hex32(magic)} is not 0x${hex32(TPM_GENERATED)}`)
  const tag = reader.u16('attestation type')
  const type = types.get(tag)
  if (type === undefined) throw reader.error('attestation type', `0x${tag.toString(16).padStart(4, '0')} is not known`)
  const common = {
    qualifiedSigner: reader.sized('qualifiedSigner', HASHED_LIMIT),
    extraData: reader.sized('extraData', HASHED_LIMIT),
    clockInfo: readClockInfo(reader),
    firmwareVersion: reader.u64('firmwareVersion'),
  }
  return { ...common, ...readAttested(reader, type) }
}

/**
 * The bytes of a TPMS_ATTEST.
 *
 * @example
 * Buffer.from(encodeAttest(parseAttest(quote))).equals(quote) // → true
 */
export function encodeAttest(attest: Attest): Uint8Array {
  const writer = new TpmWriter()
    .u32(TPM_GENERATED)
    .u16(attestTags[attest.type])
    .sized(attest.qualifiedSigner, 'qualifiedSigner')
    .sized(attest.extraData, 'extraData')
  writeClockInfo(writer, attest.clockInfo).u64(attest.firmwareVersion, 'firmwareVersion')
  return writeAttested(writer, attest).finish()
}

function readAttested(reader: TpmReader, type: AttestType): Attested {
  switch (type) {
    case 'quote':
      return { type, pcrSelections: readPcrSelections(reader), pcrDigest: readDigest(reader, 'pcrDigest') }
    case 'certify':
      return { type, certifiedName: readName(reader, 'name'), certifiedQualifiedName: readName(reader, 'qualifiedName') }
    case 'creation':
      return { type, objectName: readName(reader, 'objectName'), creationHash: readDigest(reader, 'creationHash') }
    case 'time':
      return { type, time: reader.u64('time'), timeClockInfo: readClockInfo(reader), timeFirmwareVersion: reader.u64('firmwareVersion') }
    case 'nv':
      return { type, indexName: readName(reader, 'indexName'), nvOffset: reader.u16('offset'), nvContents: reader.sized('nvContents') }
    case 'nv-digest':
      return { type, indexName: readName(reader, 'indexName'), nvDigest: readDigest(reader, 'nvDigest') }
    case 'session-audit':
      return { type, exclusiveSession: readYesNo(reader, 'exclusiveSession'), sessionDigest: readDigest(reader, 'sessionDigest') }
    case 'command-audit':
      return {
        type,
        auditCounter: reader.u64('auditCounter'),
        auditHash: readHash(reader, 'digestAlg'),
        auditDigest: readDigest(reader, 'auditDigest'),
        commandDigest: readDigest(reader, 'commandDigest'),
      }
  }
}

function writeAttested(writer: TpmWriter, attested: Attested): TpmWriter {
  switch (attested.type) {
    case 'quote':
      return writer.bytes(encodePcrSelections(attested.pcrSelections)).sized(attested.pcrDigest, 'pcrDigest')
    case 'certify':
      return writer.sized(attested.certifiedName, 'name').sized(attested.certifiedQualifiedName, 'qualifiedName')
    case 'creation':
      return writer.sized(attested.objectName, 'objectName').sized(attested.creationHash, 'creationHash')
    case 'time':
      return writeClockInfo(writer.u64(attested.time, 'time'), attested.timeClockInfo).u64(attested.timeFirmwareVersion, 'firmwareVersion')
    case 'nv':
      return writer.sized(attested.indexName, 'indexName').u16(attested.nvOffset, 'offset').sized(attested.nvContents, 'nvContents')
    case 'nv-digest':
      return writer.sized(attested.indexName, 'indexName').sized(attested.nvDigest, 'nvDigest')
    case 'session-audit':
      return writer.u8(attested.exclusiveSession ? 1 : 0).sized(attested.sessionDigest, 'sessionDigest')
    case 'command-audit':
      return writer
        .u64(attested.auditCounter, 'auditCounter')
        .u16(algorithmIds[attested.auditHash])
        .sized(attested.auditDigest, 'auditDigest')
        .sized(attested.commandDigest, 'commandDigest')
  }
}

function readClockInfo(reader: TpmReader): ClockInfo {
  return {
    clock: reader.u64('clock'),
    resetCount: reader.u32('resetCount'),
    restartCount: reader.u32('restartCount'),
    safe: readYesNo(reader, 'safe'),
  }
}

function writeClockInfo(writer: TpmWriter, { clock, resetCount, restartCount, safe }: ClockInfo): TpmWriter {
  return writer
    .u64(clock, 'clock')
    .u32(resetCount, 'resetCount')
    .u32(restartCount, 'restartCount')
    .u8(safe ? 1 : 0)
}

function readName(reader: TpmReader, field: string): Uint8Array {
  return reader.sized(field, HASHED_LIMIT)
}

/** TPMI_YES_NO (Part 2, §9.2): nothing but 0 and 1. */
function readYesNo(reader: TpmReader, field: string): boolean {
  const value = reader.u8(field)
  if (value > 1) throw reader.error(field, `${value} is neither 0 nor 1`)
  return value === 1
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}
