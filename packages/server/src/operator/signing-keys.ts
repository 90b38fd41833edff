/** The operator's view of the attestation authority's own keys. Private keys come in by an import, and never go out. */
import { invalidParameter } from '../foundation/index.ts'
import { SIGNING_KEY_NAMES, type SigningKey } from '../signing-keys/index.ts'
import { freeText, oneOf, optionalNumber, type Handler, type OperatorOperation } from './input.ts'

const MAX_PEM = 16 * 1024

const list: Handler = async (_input, { signingKeys }) => {
  const versions = await Promise.all(SIGNING_KEY_NAMES.map((name) => signingKeys.all(name)))
  return { keys: versions.flat().map(described) }
}

const rotate: Handler = async (input, { signingKeys }, call) => {
  const names = input.name === undefined ? SIGNING_KEY_NAMES : [oneOf(input, 'name', SIGNING_KEY_NAMES)]
  const keys: SigningKey[] = []
  for (const name of names) keys.push(await signingKeys.rotate(call, name))
  return { keys: keys.map(described) }
}

const importKey: Handler = async (input, { signingKeys }, call) => {
  const name = oneOf(input, 'name', SIGNING_KEY_NAMES)
  const pem = freeText(input, 'pem', MAX_PEM)
  if (pem === undefined) throw invalidParameter('pem is missing')
  return described(await signingKeys.import(call, name, pem))
}

const retire: Handler = async (input, { signingKeys, resigning }, call) => {
  const name = oneOf(input, 'name', SIGNING_KEY_NAMES)
  const version = optionalNumber(input, 'version', 1, Number.MAX_SAFE_INTEGER)
  if (version === undefined) throw invalidParameter('version is missing')
  if (name === 'FSK') await resigning.run()
  return described(await signingKeys.retire(call, name, version))
}

function described({ name, version, algorithm, createdAt, kid }: SigningKey) {
  return { name, version, algorithm, createdAt, kid }
}

export const signingKeyOperations: readonly OperatorOperation[] = [
  { name: 'ListSigningKeys', method: 'GET', path: '/v1/signing-keys', right: 'server:read', handle: list },
  { name: 'RotateSigningKey', method: 'POST', path: '/v1/signing-keys/rotate', right: 'server:manage', handle: rotate },
  { name: 'ImportSigningKey', method: 'POST', path: '/v1/signing-keys/import', right: 'server:manage', handle: importKey },
  { name: 'RetireSigningKey', method: 'POST', path: '/v1/signing-keys/retire', right: 'server:manage', handle: retire },
]
