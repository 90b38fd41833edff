import { changeRecord, effectRecord } from '../trail/index.ts'
import { rotateDomainKey, rotateRootKey } from '../envelope/index.ts'
import { SEAL_KINDS } from '../root-key/index.ts'
import { invalidParameter } from '../foundation/index.ts'
import { optionalPassphrase, type Handler, type OperatorOperation } from './input.ts'
import { SEALED_COLUMNS } from './sealed-columns.ts'

const show: Handler = async (_input, { seal, storage }) => {
  const rows = await storage.listDomainKeys()
  return {
    seal: await seal.kind(),
    rootKey: rows[0]?.rootKeyId,
    file: seal.describe(),
    domainKeys: rows.map(({ version, createdAt, active }) => ({ version, createdAt, active })),
  }
}

const rotateSeal: Handler = async (input, context, call) => {
  const before = await context.seal.kind()
  const kind = input.to === undefined ? before : SEAL_KINDS.find((each) => each === input.to)
  if (kind === undefined) throw invalidParameter(`to is not one of ${SEAL_KINDS.join(', ')}`)
  const passphrase = optionalPassphrase(input, 'passphrase')
  if (kind === 'passphrase' && passphrase === undefined) throw invalidParameter('the new root key needs a passphrase')
  const rootKey = await rotateRootKey(context, { kind, passphrase }, (at, to) => changeRecord(call, to, at, { seal: kind }))
  return { seal: kind, rootKey }
}

const rotate: Handler = async (_input, context, call, { report, signal }) => {
  const { storage, envelope, runtime, role } = context
  return rotateDomainKey({
    storage,
    envelope,
    runtime,
    columns: SEALED_COLUMNS,
    alone: role === 'operator',
    audit: (action, version, at) => effectRecord(call, action, String(version), at),
    report,
    signal,
  })
}

export const sealOperations: readonly OperatorOperation[] = [
  { name: 'DescribeSeal', method: 'GET', path: '/v1/seal', right: 'server:read', handle: show },
  { name: 'RotateSeal', method: 'POST', path: '/v1/seal/rotate', right: 'server:manage', handle: rotateSeal },
  { name: 'RotateDomainKey', method: 'POST', path: '/v1/domain-key/rotate', right: 'server:manage', handle: rotate },
]
