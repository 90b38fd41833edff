/** What protects everything else: the seal of the root key, and the domain keys. */
import { Type } from 'typebox'
import { PROTECTOR_KINDS } from '../../root-key/index.ts'
import { PASSPHRASE, TIME, operation, orNull } from '../operation.ts'
import { SEALED_COLUMNS } from '../sealed-columns.ts'

const KIND = Type.Enum(PROTECTOR_KINDS)

export const sealOperations = [
  operation({
    name: 'DescribeSeal',
    summary: 'Shows what protects the root key, and the domain keys under it.',
    method: 'GET',
    path: '/v1/seal',
    right: 'server:read',
    input: {},
    result: Type.Object({
      seal: orNull(KIND),
      rootKey: Type.String({ description: 'its id' }),
      file: Type.String(),
      domainKeys: Type.Array(Type.Object({ version: Type.Integer(), createdAt: TIME, active: Type.Boolean() })),
    }),
    handle: (_input, _call, { envelopeKeys }) => envelopeKeys.describe(),
  }),
  operation({
    name: 'RotateSeal',
    summary: 'Replaces the root key, under the seal `to` or the same as before; `passphrase` is for a seal that needs one.',
    method: 'POST',
    path: '/v1/seal/rotate',
    right: 'server:manage',
    object: 'to',
    input: { to: Type.Optional(KIND), passphrase: Type.Optional(PASSPHRASE) },
    result: Type.Object({ seal: KIND, rootKey: Type.String() }),
    handle: ({ to, passphrase }, call, { envelopeKeys }) => envelopeKeys.rotateRootKey(call, { kind: to, passphrase }),
  }),
  operation({
    name: 'RotateDomainKey',
    summary: 'Re-wraps everything under a new domain key, or resumes a rotation that was interrupted; reports its progress.',
    method: 'POST',
    path: '/v1/domain-key/rotate',
    right: 'server:manage',
    input: {},
    result: Type.Object({ version: Type.Integer(), rewrapped: Type.Integer(), resumed: Type.Boolean() }),
    handle: (_input, call, { envelopeKeys }, progress) => envelopeKeys.rotateDomainKey(call, SEALED_COLUMNS, progress),
  }),
]
