/** Evidence of a TPM (contract §8.1): an attestation key's certificate, a quote, the values of the quoted PCRs, and one log. */
import { createHash } from 'node:crypto'
import { digestSizes, type HashAlgorithm, type Hashes, type PcrBank } from '@vouchsafe/tpm'
import { certificatesFromPem, X509Error, type Certificate } from '@vouchsafe/x509'
import { LRUCache } from 'lru-cache'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { bytesOfBase64 } from '../base64.ts'
import { EvidenceError } from './verifier.ts'

const MAX_CERTIFICATES = 8
const MAX_PEM = 128 * 1024
/** Characters of a quote or a signature: they have a few hundred bytes. */
const MAX_STRUCTURE = 16 * 1024
const MAX_PCRS = 24
/** Characters of PEM whose certificates are kept: a host sends the same each time. */
const MAX_KNOWN_PEM = 4 * 1024 * 1024

/** The structure of evidence whose log has this type. */
export function tpmEvidenceSchema(logType: string) {
  return Type.Object({
    ak_cert: Type.String({ minLength: 1, maxLength: MAX_PEM, description: 'PEM; intermediate certificates may follow' }),
    quote: Type.Object({
      quote_data: Type.String({ minLength: 1, maxLength: MAX_STRUCTURE, description: 'base64 of TPMS_ATTEST' }),
      signature: Type.String({ minLength: 1, maxLength: MAX_STRUCTURE, description: 'base64 of TPMT_SIGNATURE' }),
    }),
    pcrs: Type.Object({
      hash_alg: Type.String({ description: 'the bank: sha1, sha256, sha384, sha512 or sm3' }),
      pcr_values: Type.Array(
        Type.Object({
          pcr_index: Type.Integer({ minimum: 0, maximum: 23 }),
          pcr_value: Type.String({ maxLength: 128, description: 'hex' }),
        }),
        { minItems: 1, maxItems: MAX_PCRS },
      ),
    }),
    logs: Type.Array(Type.Object({ log_type: Type.Literal(logType), log_data: Type.String({ description: 'base64' }) }), {
      minItems: 1,
      maxItems: 1,
    }),
  })
}

export type TpmEvidenceSchema = ReturnType<typeof tpmEvidenceSchema>

/** Evidence as bytes. */
export interface TpmEvidence {
  /** Of the attestation key. */
  certificate: Certificate
  quote: Uint8Array
  signature: Uint8Array
  bank: PcrBank
  log: Uint8Array
}

/** Includes SM3, which the TPM package does not provide. */
export const HASHES: Hashes = { sm3: (data) => createHash('sm3').update(data).digest() }

/** By PEM. Parsing says nothing about trust, so it does not matter whose they are. */
const known = new LRUCache<string, Certificate[]>({ maxSize: MAX_KNOWN_PEM, sizeCalculation: (_, pem) => pem.length })

/** Reads evidence of one log type. Every error thrown is an EvidenceError that names the field. */
export class TpmEvidenceReader {
  readonly schema: TpmEvidenceSchema
  readonly #validator: ReturnType<typeof Compile<TpmEvidenceSchema>>

  constructor(logType: string) {
    this.schema = tpmEvidenceSchema(logType)
    this.#validator = Compile(this.schema)
  }

  /** The attestation key's certificate and those sent with it, DER. */
  certificates(evidence: unknown): { leaf: Uint8Array; intermediates: Uint8Array[] } {
    const [leaf, ...intermediates] = this.#certificates(this.#checked(evidence))
    return { leaf: leaf!.der, intermediates: intermediates.map(({ der }) => der) }
  }

  #certificates({ ak_cert }: Static<TpmEvidenceSchema>): Certificate[] {
    try {
      const certificates = known.get(ak_cert) ?? certificatesFromPem(ak_cert, { max: MAX_CERTIFICATES })
      known.set(ak_cert, certificates)
      return certificates
    } catch (error) {
      if (error instanceof X509Error) throw new EvidenceError(`evidence.ak_cert: ${error.message}`)
      throw error
    }
  }

  read(evidence: unknown, maxLogBytes: number): TpmEvidence {
    const checked = this.#checked(evidence)
    const { quote, pcrs, logs } = checked
    return {
      certificate: this.#certificates(checked)[0]!,
      quote: base64('evidence.quote.quote_data', quote.quote_data),
      signature: base64('evidence.quote.signature', quote.signature),
      bank: bankOf(pcrs),
      log: logOf(logs[0]!.log_data, maxLogBytes),
    }
  }

  #checked(evidence: unknown): Static<TpmEvidenceSchema> {
    if (this.#validator.Check(evidence)) return evidence
    const [fault] = this.#validator.Errors(evidence)
    throw new EvidenceError(fault ? faultText(fault) : 'evidence has not the right shape')
  }
}

function bankOf({ hash_alg, pcr_values }: Static<TpmEvidenceSchema>['pcrs']): PcrBank {
  const algorithm = hash_alg.toLowerCase()
  if (!isHashAlgorithm(algorithm)) throw new EvidenceError(`evidence.pcrs.hash_alg must be one of ${Object.keys(digestSizes).join(', ')}`)
  const values = new Map<number, Uint8Array>()
  pcr_values.forEach(({ pcr_index, pcr_value }, i) => {
    const field = `evidence.pcrs.pcr_values[${i}]`
    if (values.has(pcr_index)) throw new EvidenceError(`${field}.pcr_index: PCR ${pcr_index} comes twice`)
    const digits = 2 * digestSizes[algorithm]
    if (pcr_value.length !== digits || !/^[0-9a-f]+$/i.test(pcr_value))
      throw new EvidenceError(`${field}.pcr_value must be ${digits} hex digits for ${algorithm}`)
    values.set(pcr_index, Buffer.from(pcr_value, 'hex'))
  })
  return { algorithm, values }
}

function isHashAlgorithm(name: string): name is HashAlgorithm {
  return Object.hasOwn(digestSizes, name)
}

function logOf(text: string, maxBytes: number): Uint8Array {
  const field = 'evidence.logs[0].log_data'
  if ((text.length / 4) * 3 - 2 > maxBytes) throw new EvidenceError(`${field}: more than ${maxBytes} bytes`)
  return base64(field, text)
}

function base64(field: string, text: string): Uint8Array {
  const bytes = bytesOfBase64(text)
  if (!bytes) throw new EvidenceError(`${field} is not base64`)
  return bytes
}

interface SchemaFault {
  keyword: string
  instancePath: string
  message: string
  params: object
}

/** `evidence.quote.signature is required`. */
function faultText({ keyword, instancePath, message, params }: SchemaFault): string {
  const field = instancePath.split('/').slice(1)
  const path = field.reduce((text, part) => (/^\d+$/.test(part) ? `${text}[${part}]` : `${text}.${part}`), 'evidence')
  if (keyword === 'required') return `${path}.${(params as { requiredProperties: string[] }).requiredProperties[0]} is required`
  if (keyword === 'const') return `${path} must be ${String((params as { allowedValue: unknown }).allowedValue)}`
  return `${path} ${message}`
}
