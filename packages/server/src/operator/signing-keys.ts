/** The operator's view of the attestation authority's own keys. Private keys come in by an import, and never go out. */
import { invalidParameter } from '../errors.ts'
import type { SigningKey } from '../signing-keys/signing-key.ts'
import { SIGNING_KEY_NAMES } from '../signing-keys/signing-key.ts'
import { freeText, oneOf, optionalNumber, type Handler } from './input.ts'

const MAX_PEM = 16 * 1024

const list: Handler = async (_input, { keyring }) => {
  const versions = await Promise.all(SIGNING_KEY_NAMES.map((name) => keyring.all(name)))
  return { keys: versions.flat().map(described) }
}

const rotate: Handler = async (input, { keyring }, requestId) => {
  const names = input.name === undefined ? SIGNING_KEY_NAMES : [oneOf(input, 'name', SIGNING_KEY_NAMES)]
  const keys: SigningKey[] = []
  for (const name of names) keys.push(await keyring.rotate(name, { name: 'operator', requestId }))
  return { keys: keys.map(described) }
}

const importKey: Handler = async (input, { keyring }, requestId) => {
  const name = oneOf(input, 'name', SIGNING_KEY_NAMES)
  const pem = freeText(input, 'pem', MAX_PEM)
  if (pem === undefined) throw invalidParameter('pem is missing')
  return described(await keyring.import(name, pem, { name: 'operator', requestId }))
}

const retire: Handler = async (input, { keyring, resigning }, requestId) => {
  const name = oneOf(input, 'name', SIGNING_KEY_NAMES)
  const version = optionalNumber(input, 'version', 1, Number.MAX_SAFE_INTEGER)
  if (version === undefined) throw invalidParameter('version is missing')
  if (name === 'FSK') await resigning.run()
  return described(await keyring.retire(name, version, { name: 'operator', requestId }))
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
