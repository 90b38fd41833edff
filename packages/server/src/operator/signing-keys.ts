/** The operator's view of the attestation authority's own keys. Private keys come in by an import, and never go out. */
import { invalidParameter } from '../foundation/index.ts'
import { SIGNING_KEY_NAMES, type SigningKey } from '../signing-keys/index.ts'
import { freeText, oneOf, optionalNumber, type Handler } from './input.ts'

const MAX_PEM = 16 * 1024

const list: Handler = async (_input, { signingKeys }) => {
  const versions = await Promise.all(SIGNING_KEY_NAMES.map((name) => signingKeys.all(name)))
  return { keys: versions.flat().map(described) }
}

const rotate: Handler = async (input, { signingKeys }, requestId) => {
  const names = input.name === undefined ? SIGNING_KEY_NAMES : [oneOf(input, 'name', SIGNING_KEY_NAMES)]
  const keys: SigningKey[] = []
  for (const name of names) keys.push(await signingKeys.rotate(name, { name: 'operator', requestId }))
  return { keys: keys.map(described) }
}

const importKey: Handler = async (input, { signingKeys }, requestId) => {
  const name = oneOf(input, 'name', SIGNING_KEY_NAMES)
  const pem = freeText(input, 'pem', MAX_PEM)
  if (pem === undefined) throw invalidParameter('pem is missing')
  return described(await signingKeys.import(name, pem, { name: 'operator', requestId }))
}

const retire: Handler = async (input, { signingKeys, resigning }, requestId) => {
  const name = oneOf(input, 'name', SIGNING_KEY_NAMES)
  const version = optionalNumber(input, 'version', 1, Number.MAX_SAFE_INTEGER)
  if (version === undefined) throw invalidParameter('version is missing')
  if (name === 'FSK') await resigning.run()
  return described(await signingKeys.retire(name, version, { name: 'operator', requestId }))
}

function described({ name, version, algorithm, createdAt, kid }: SigningKey) {
  return { name, version, algorithm, createdAt, kid }
}

export const signingKeyRoutes: readonly [string, Handler][] = [
  ['GET /v1/signing-keys', list],
  ['POST /v1/signing-keys/rotate', rotate],
  ['POST /v1/signing-keys/import', importKey],
  ['POST /v1/signing-keys/retire', retire],
]
