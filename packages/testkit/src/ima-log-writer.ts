/**
 * Writes logs of runtime measurements as a kernel would, and the PCRs to which they lead. It shares no code with the package's reader: what it knows is
 * security/integrity/ima/ima_template_lib.c, ima_fs.c and ima_crypto.c of Linux.
 */
import { createHash } from 'node:crypto'

/** One measurement. What the template doesn't hold is ignored; what it holds and isn't given is empty. */
export interface Measurement {
  path: string
  /** Default `ima-ng`; or a list of fields. */
  template?: string
  /** Default 10. */
  pcr?: number
  /** Of the file: default SHA-256 of its path. */
  algorithm?: string
  digest?: Uint8Array
  /** For `d-ngv2`. */
  digestType?: string
  violation?: boolean
  sig?: Uint8Array
  buf?: Uint8Array
  modsig?: Uint8Array
  modsigDigest?: { algorithm: string; digest: Uint8Array }
  evmsig?: Uint8Array
  xattrs?: { name: string; value: Uint8Array }[]
  uid?: number
  gid?: number
  mode?: number
}

export interface LogOptions {
  format: 'ascii' | 'binary'
  /** The algorithm of the logged template digests: SHA-1 in most logs. */
  digests?: string
}

const TEMPLATES: Record<string, string> = {
  ima: 'd|n',
  'ima-ng': 'd-ng|n-ng',
  'ima-sig': 'd-ng|n-ng|sig',
  'ima-ngv2': 'd-ngv2|n-ng',
  'ima-sigv2': 'd-ngv2|n-ng|sig',
  'ima-buf': 'd-ng|n-ng|buf',
  'ima-modsig': 'd-ng|n-ng|sig|d-modsig|modsig',
  'evm-sig': 'd-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode',
}

/** A field: the bytes that are measured and the text that is shown. */
interface Shown {
  id: string
  bytes: Buffer
  text: string
}

const sha = (algorithm: string, data: Uint8Array): Buffer => createHash(algorithm).update(data).digest()

function le32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function fieldsOf(measurement: Measurement): Shown[] {
  const { path, template = 'ima-ng', algorithm = 'sha256', digestType = 'ima', xattrs = [] } = measurement
  const digest = Buffer.from(
    measurement.digest ?? sha(/^\w+$/.test(algorithm) && algorithm.startsWith('sha') ? algorithm : 'sha256', Buffer.from(path)),
  )
  const hex = (bytes: Uint8Array = new Uint8Array()) => ({ bytes: Buffer.from(bytes), text: Buffer.from(bytes).toString('hex') })
  const name = (text: string) => ({ bytes: Buffer.from(`${text}\0`), text })
  const named = (prefix: string, value: Uint8Array) => ({
    bytes: Buffer.concat([Buffer.from(`${prefix}:\0`), value]),
    text: `${prefix}:${Buffer.from(value).toString('hex')}`,
  })
  const number = (value: number | undefined, size: number) => {
    if (value === undefined) return hex()
    const bytes = Buffer.alloc(size)
    bytes.writeUIntLE(value, 0, size)
    return { bytes, text: String(value) }
  }
  const { modsigDigest } = measurement
  const makers: Record<string, () => { bytes: Buffer; text: string }> = {
    d: () => hex(digest.subarray(0, 20)),
    'd-ng': () => named(algorithm, digest),
    'd-ngv2': () => named(`${digestType}:${algorithm}`, digest),
    n: () => name(path),
    'n-ng': () => name(path),
    sig: () => hex(measurement.sig),
    buf: () => hex(measurement.buf),
    modsig: () => hex(measurement.modsig),
    'd-modsig': () => (modsigDigest === undefined ? hex() : named(modsigDigest.algorithm, modsigDigest.digest)),
    evmsig: () => hex(measurement.evmsig),
    xattrnames: () => (xattrs.length === 0 ? hex() : name(xattrs.map((each) => each.name).join('|'))),
    xattrlengths: () => hex(Buffer.concat(xattrs.map(({ value }) => le32(value.length)))),
    xattrvalues: () => hex(Buffer.concat(xattrs.map(({ value }) => value))),
    iuid: () => number(measurement.uid, 4),
    igid: () => number(measurement.gid, 4),
    imode: () => number(measurement.mode, 2),
  }
  return (TEMPLATES[template] ?? template).split('|').map((id) => ({ id, ...makers[id]!() }))
}

/** The bytes whose digest is the template digest. */
export function templateData(measurement: Measurement): Buffer {
  const fields = fieldsOf(measurement)
  if (measurement.template !== 'ima') return Buffer.concat(fields.flatMap(({ bytes }) => [le32(bytes.length), bytes]))
  const padded = Buffer.alloc(256)
  fields[1]!.bytes.copy(padded)
  return Buffer.concat([fields[0]!.bytes, padded])
}

function entry(measurement: Measurement, { format, digests = 'sha1' }: LogOptions): Buffer {
  const { template = 'ima-ng', pcr = 10, violation = false } = measurement
  const fields = fieldsOf(measurement)
  const data = templateData(measurement)
  const computed = sha(digests, data)
  const digest = violation ? Buffer.alloc(computed.length) : computed
  if (format === 'ascii') {
    const shown = fields.map(({ text }) => ` ${text}`).join('')
    return Buffer.from(`${String(pcr).padStart(2)} ${digest.toString('hex')} ${template}${shown}\n`)
  }
  const head = [le32(pcr), digest, le32(template.length), Buffer.from(template)]
  if (template !== 'ima') return Buffer.concat([...head, le32(data.length), data])
  const name = fields[1]!.bytes.subarray(0, -1)
  return Buffer.concat([...head, fields[0]!.bytes, le32(name.length), name])
}

export function writeImaLog(measurements: readonly Measurement[], options: LogOptions): Buffer {
  return Buffer.concat(measurements.map((measurement) => entry(measurement, options)))
}

/** The value of a PCR after the measurements, in a bank; `padded`: as kernels before 5.8 extend it. */
export function imaPcr(measurements: readonly Measurement[], algorithm: string, { pcr = 10, padded = false } = {}): Buffer {
  const size = sha(algorithm, Buffer.alloc(0)).length
  let value: Buffer = Buffer.alloc(size)
  for (const measurement of measurements) {
    if ((measurement.pcr ?? 10) !== pcr) continue
    const digest = Buffer.alloc(size)
    if (measurement.violation === true) digest.fill(0xff, 0, padded ? 20 : size)
    else sha(padded ? 'sha1' : algorithm, templateData(measurement)).copy(digest)
    value = sha(algorithm, Buffer.concat([value, digest]))
  }
  return value
}

/** The log of a host that has run for a while: a boot aggregate, then distinct files of an ordinary system. */
export function hostMeasurements(count: number, template = 'ima-ng'): Measurement[] {
  const files = Array.from({ length: count - 1 }, (_, i) => `/usr/lib/x86_64-linux-gnu/package-${i % 97}/lib-${i}.so.6`)
  return ['boot_aggregate', ...files].map((path) => ({ path, template }))
}
