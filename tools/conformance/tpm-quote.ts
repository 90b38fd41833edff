/** Runs the quotes of `gta/`: evidence as an agent sends it. What each must give is known by its name. */
import { X509Certificate } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { HashAlgorithm, QuoteEvidence } from '@vouchsafe/tpm'
import { verifyQuote } from '@vouchsafe/tpm'
import type { Tally } from './tally.ts'
import { hex, isObject, listVectorFiles, objects, readVectorFile, text } from './vector-files.ts'
import type { Json } from './vector-files.ts'

const VALID = /^boot_test_evidence\.json(\.gz)?$/
/** The same quote beside the certificate of another key. */
const OTHER_KEY = /^common_test_evidence\.json(\.gz)?$/

export async function runTpmQuote(folder: string, tally: Tally): Promise<void> {
  for (const source of (await readdir(folder)).sort()) {
    const names = source === 'gta' ? await listVectorFiles(join(folder, source)) : []
    if (names.length === 0) tally.skip(source, 'nothing is known to expect of it', 1)
    for (const name of names) {
      const file = `${source}/${name}`
      if (!VALID.test(name) && !OTHER_KEY.test(name)) {
        tally.skip(file, 'nothing is known to expect of it', 1)
        continue
      }
      try {
        const evidence = evidenceOf(await readVectorFile(join(folder, source), name))
        runEvidence(file, evidence, VALID.test(name), tally)
      } catch (error) {
        tally.fail(file, 'file', `cannot be read: ${(error as Error).message}`)
      }
    }
  }
}

function runEvidence(file: string, evidence: QuoteEvidence, valid: boolean, tally: Tally): void {
  const expectFailures = (test: string, changed: QuoteEvidence, expected: readonly string[]): void => {
    const failures = verifyQuote(changed).checks.filter(({ passed }) => !passed)
    const names = failures.map(({ name }) => name)
    if (names.join() === expected.join()) tally.pass()
    else tally.fail(file, test, `failed checks ${names.join(', ') || 'none'}, expected ${expected.join(', ') || 'none'}`)
  }
  expectFailures('quote', evidence, valid ? [] : ['signature'])
  if (!valid) return
  const { quote, signature, pcrs } = evidence
  const { algorithm, values } = [pcrs].flat()[0]!
  expectFailures('another nonce', { ...evidence, qualifyingData: Buffer.from('another') }, ['qualifying-data'])
  for (const [index, value] of values) {
    const changed = new Map(values).set(index, flipped(value, 0))
    expectFailures(`PCR ${index} with another value`, { ...evidence, pcrs: { algorithm, values: changed } }, ['pcr-digest'])
    const fewer = new Map(values)
    fewer.delete(index)
    expectFailures(`without PCR ${index}`, { ...evidence, pcrs: { algorithm, values: fewer } }, ['pcr-selection'])
  }
  const accepted = (changed: Partial<QuoteEvidence>): boolean => verifyQuote({ ...evidence, ...changed }).valid
  for (const [part, bytes] of Object.entries({ quote, signature })) {
    const wrong = [...bytes.keys()].filter((at) => accepted({ [part]: flipped(bytes, at) }))
    if (wrong.length === 0) tally.pass()
    else tally.fail(file, `every changed byte of the ${part}`, `accepted with byte ${wrong.join(', ')}`)
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = new Uint8Array(bytes)
  changed[at]! ^= 1
  return changed
}

function evidenceOf(file: Json): QuoteEvidence {
  const evidence = part(file, 'evidence')
  const quote = part(evidence, 'quote')
  const pcrs = part(evidence, 'pcrs')
  const [certificate] = objects(evidence, 'ak_certs')
  if (certificate === undefined) throw new Error('no ak_certs')
  const values = objects(pcrs, 'pcr_values').map((pcr) => [Number(pcr['pcr_index']), new Uint8Array(hex(pcr, 'pcr_value'))] as const)
  return {
    quote: base64(quote, 'quote_data'),
    signature: base64(quote, 'signature'),
    publicKey: new X509Certificate(base64(certificate, 'cert_data')).publicKey,
    qualifyingData: 'any',
    pcrs: { algorithm: text(pcrs, 'hash_alg') as HashAlgorithm, values: new Map(values) },
  }
}

function part(parent: Json, name: string): Json {
  const value = parent[name]
  if (!isObject(value)) throw new Error(`${name} is not an object`)
  return value
}

function base64(parent: Json, name: string): Uint8Array {
  return new Uint8Array(Buffer.from(text(parent, name), 'base64'))
}
