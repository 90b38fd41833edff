/** The attestation authority's own keys. Private keys enter by an import and never leave. */
import { Type } from 'typebox'
import { text } from '../../edge/index.ts'
import { SIGNING_KEY_NAMES, type SigningKey } from '../../signing-keys/index.ts'
import { TIME, operation } from '../operation.ts'

const MAX_PEM = 16 * 1024

const NAME = Type.Enum(SIGNING_KEY_NAMES)
const KEY = Type.Object({ name: NAME, version: Type.Integer(), algorithm: Type.String(), createdAt: TIME, kid: Type.String() })

/** A version without its keys. */
function described({ name, version, algorithm, createdAt, kid }: SigningKey) {
  return { name, version, algorithm, createdAt, kid }
}

export const signingKeyOperations = [
  operation({
    name: 'ListSigningKeys',
    summary: 'Lists every version of the keys that sign nonces (NSK), rows (FSK) and tokens (TSK).',
    method: 'GET',
    path: '/v1/signing-keys',
    right: 'server:read',
    input: {},
    result: Type.Object({ keys: Type.Array(KEY) }),
    async handle(_input, _call, { signingKeys }) {
      const versions = await Promise.all(SIGNING_KEY_NAMES.map((name) => signingKeys.all(name)))
      return { keys: versions.flat().map(described) }
    },
  }),
  operation({
    name: 'RotateSigningKey',
    summary: 'Creates the next version of one of these keys, or of all.',
    method: 'POST',
    path: '/v1/signing-keys/rotate',
    right: 'server:manage',
    object: 'name',
    input: { name: Type.Optional(NAME) },
    result: Type.Object({ keys: Type.Array(KEY) }),
    async handle({ name }, call, { signingKeys }) {
      const keys: SigningKey[] = []
      for (const each of name === undefined ? SIGNING_KEY_NAMES : [name]) keys.push(await signingKeys.rotate(call, each))
      return { keys: keys.map(described) }
    },
  }),
  operation({
    name: 'ImportSigningKey',
    summary: 'Imports a private key (PEM, unencrypted) as the next version.',
    method: 'POST',
    path: '/v1/signing-keys/import',
    right: 'server:manage',
    object: 'name',
    input: { name: NAME, pem: text(1, MAX_PEM) },
    result: KEY,
    handle: async ({ name, pem }, call, { signingKeys }) => described(await signingKeys.import(call, name, pem)),
  }),
  operation({
    name: 'RetireSigningKey',
    summary: 'Retires an old version: nothing that it signed remains valid.',
    method: 'POST',
    path: '/v1/signing-keys/retire',
    right: 'server:manage',
    object: 'name',
    input: { name: NAME, version: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) },
    result: KEY,
    handle: async ({ name, version }, call, { resigning }) => described(await resigning.retire(call, name, version)),
  }),
]
