/** Writes quotes of all versions: what quote/quote.ts reads, with the same sources. */
import { createHash, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CERTIFICATION_TYPE } from '../../quote/certification-data.ts'
import { ATTESTATION_KEY_P256, BODY_TYPE, TEE_TYPE } from '../../quote/quote.ts'
import { INTEL_QE_VENDOR_ID } from '../../quote/vendor.ts'
import { SGX_REPORT_LENGTH } from '../../quote/sgx-report.ts'
import { TD10_REPORT_LENGTH } from '../../quote/td-report.ts'

export interface QuoteFields {
  version: 3 | 4 | 5
  tee: 'SGX' | 'TDX'
  /** An enclave's or a TD's report. */
  body: Uint8Array
  /** 20 bytes, of no meaning to verifiers. */
  userData: Uint8Array
  /** The quoting enclave's report, of which the report data is filled in here. */
  qeReport: Uint8Array
  qeAuthData: Uint8Array
  attestationKey: KeyObject
  pckKey: KeyObject
  certification: { type: number; data: Uint8Array }
}

/** The quote, signed by both keys. */
export function encodeQuote(fields: QuoteFields): Buffer {
  const { version, attestationKey } = fields
  const signed = Buffer.concat([encodeHeader(fields), ...(version === 5 ? [encodeBodyType(fields)] : []), fields.body])
  const publicKey = rawPublicKey(attestationKey)
  const qeReport = Buffer.from(fields.qeReport)
  qeReport.set(createHash('sha256').update(publicKey).update(fields.qeAuthData).digest(), SGX_REPORT_LENGTH - 64)
  const qePart = Buffer.concat([
    qeReport,
    signP256(qeReport, fields.pckKey),
    u16(fields.qeAuthData.length),
    fields.qeAuthData,
    tagged(fields.certification.type, fields.certification.data),
  ])
  const rest = version === 3 ? qePart : tagged(CERTIFICATION_TYPE.qeReport, qePart)
  const authentication = Buffer.concat([signP256(signed, attestationKey), publicKey, rest])
  return Buffer.concat([signed, u32(authentication.length), authentication])
}

/** ECDSA with SHA-256 as r ‖ s. */
export function signP256(data: Uint8Array, key: KeyObject): Buffer {
  return sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })
}

/** x ‖ y of a key on P-256. */
function rawPublicKey(key: KeyObject): Buffer {
  const { x, y } = key.export({ format: 'jwk' }) as { x: string; y: string }
  return Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
}

function encodeHeader({ version, tee, userData }: QuoteFields): Buffer {
  return Buffer.concat([u16(version), u16(ATTESTATION_KEY_P256), u32(TEE_TYPE[tee]), u32(0), INTEL_QE_VENDOR_ID, userData])
}

function encodeBodyType({ tee, body }: QuoteFields): Buffer {
  const td = body.length === TD10_REPORT_LENGTH ? BODY_TYPE.td10 : BODY_TYPE.td15
  return Buffer.concat([u16(tee === 'SGX' ? BODY_TYPE.sgx : td), u32(body.length)])
}

function tagged(type: number, data: Uint8Array): Buffer {
  return Buffer.concat([u16(type), u32(data.length), data])
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
