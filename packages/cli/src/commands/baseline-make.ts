// Baselines for the attestation authority, made and signed on this machine, without a server.
import { X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { digestSizes } from '@vouchsafe/tpm'
import type { HashAlgorithm } from '@vouchsafe/tpm'
import { CommandError, UsageError } from '@vouchsafe/command'
import { valuesOfFolder, valuesOfImaLog } from '../baseline-values.ts'
import type { GatheredValues } from '../baseline-values.ts'
import { command } from '../command.ts'
import type { Host } from '../command.ts'
import { readInput } from '../files.ts'
import { signJws, signingKey } from '../jws.ts'
import { readLogFile } from '../log-file.ts'
import { writePrivateFile } from '../private-file.ts'

const MAX_LOG_BYTES = 512 * 1024 * 1024
const KEY_LIMIT = 'a key or certificate has at most 64 KiB'

export const baselineMakeCommands = [
  command({
    name: 'baseline make',
    args: ['PATH'],
    summary:
      'Make a baseline from the files in a folder, or from an IMA log (- for standard input), and sign it; without a key, print its unsigned JSON',
    options: {
      'sign-key': { type: 'string', value: 'FILE', summary: 'sign with this private key (PEM)' },
      cert: {
        type: 'string',
        value: 'FILE',
        summary: "the signer's certificate (PEM) as stored at the authority, to check that it matches the key",
      },
      alg: { type: 'string', value: 'ALG', summary: 'RS256 to RS512 (RSA default: RS384), PS256 to PS512, or ES256 to ES512 by the curve' },
      hash: {
        type: 'string',
        value: 'HASH',
        summary: 'how IMA measures files: sha1, sha256 (default), sha384, sha512 or sm3; for folders',
      },
      prefix: { type: 'string', value: 'PATH', summary: 'path of the folder on the hosts (default: its path here)' },
      'match-file-name': { type: 'boolean', summary: 'a file matches only under its own name' },
      names: { type: 'boolean', summary: '--no-names leaves out file names, which shortens baselines of many files' },
      out: { type: 'string', value: 'FILE', summary: 'write to a file instead of standard output' },
    },
    async run(host, [path = ''], values) {
      const { alg, out, names = true, 'match-file-name': matchFileName = false } = values
      if (matchFileName && !names) throw new UsageError('--match-file-name needs the names')
      const key = await readKey(host, values['sign-key'], values.cert)
      if (alg !== undefined && key === undefined) throw new UsageError('--alg goes with --sign-key')
      const { values: found, notes } = await gather(host, path, values)
      const referenceValues = names ? found : found.map(({ fileName: _, ...value }) => value)
      const payload = { referenceValues, ...(matchFileName && { matchFileName }) }
      const content = key === undefined ? JSON.stringify(payload) : signJws(payload, key, alg)
      if (out !== undefined && out !== '-') await writePrivateFile(out, content)
      for (const note of notes) host.stderr.write(`vouchsafe: left out: ${note}\n`)
      const json = { referenceValues: found.length, signed: key !== undefined, bytes: Buffer.byteLength(content), notes }
      if (out === undefined || out === '-') return { json: { ...json, content }, text: `${content}\n` }
      return { json: { ...json, out }, text: `${found.length} reference values, ${json.bytes} bytes\n` }
    },
  }),
]

async function readKey(host: Host, keyFile: string | undefined, certificateFile: string | undefined): Promise<KeyObject | undefined> {
  if (keyFile === undefined) {
    if (certificateFile !== undefined) throw new UsageError('--cert goes with --sign-key')
    return undefined
  }
  const pem = await readInput(host, keyFile, KEY_LIMIT)
  const key = signingKey(keyFile, pem)
  pem.fill(0)
  if (certificateFile !== undefined) {
    const certificate = readCertificate(certificateFile, await readInput(host, certificateFile, KEY_LIMIT))
    if (!certificate.checkPrivateKey(key)) throw new CommandError(`${certificateFile} is not the certificate of ${keyFile}`)
    const now = host.now()
    if (certificate.validToDate.getTime() < now) throw new CommandError(`${certificateFile} expired on ${certificate.validTo}`)
    if (certificate.validFromDate.getTime() > now) throw new CommandError(`${certificateFile} is valid from ${certificate.validFrom} on`)
  }
  return key
}

function readCertificate(path: string, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new CommandError(`${path}: this is not a PEM certificate`)
  }
}

async function gather(host: Host, path: string, values: { hash?: string; prefix?: string }): Promise<GatheredValues> {
  const { hash = 'sha256', prefix } = values
  if (!Object.hasOwn(digestSizes, hash)) throw new UsageError(`--hash must be one of ${Object.keys(digestSizes).join(', ')}`)
  if (path !== '-' && (await stat(path)).isDirectory()) {
    const gathered = await valuesOfFolder(path, hash as HashAlgorithm, prefix ?? resolve(path))
    if (gathered.values.length === 0) throw new CommandError(`there are no files in ${path}`)
    return gathered
  }
  if (prefix !== undefined || values.hash !== undefined)
    throw new UsageError('--prefix and --hash are for folders: an IMA log contains both')
  return valuesOfImaLog(path, await readLogFile(host, path, MAX_LOG_BYTES))
}
