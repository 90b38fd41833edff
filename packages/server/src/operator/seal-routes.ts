import { managementAudit } from '../trail/index.ts'
import { rotateDomainKey, rotateRootKey } from '../envelope/index.ts'
import { SEAL_KINDS } from '../root-key/index.ts'
import { invalidParameter } from '../foundation/index.ts'
import { optionalPassphrase, type Handler } from './input.ts'
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

const rotateSeal: Handler = async (input, context, requestId) => {
  const before = await context.seal.kind()
  const kind = input.to === undefined ? before : SEAL_KINDS.find((each) => each === input.to)
  if (kind === undefined) throw invalidParameter(`to is not one of ${SEAL_KINDS.join(', ')}`)
  const passphrase = optionalPassphrase(input, 'passphrase')
  if (kind === 'passphrase' && passphrase === undefined) throw invalidParameter('the new root key needs a passphrase')
  const rootKey = await rotateRootKey(context, { kind, passphrase }, (at, to) =>
    managementAudit({ name: 'operator', requestId }, 'RotateSeal', to, at, { seal: kind }),
  )
  return { seal: kind, rootKey }
}

const rotate: Handler = async (_input, context, requestId, { report, signal }) => {
  const { storage, envelope, runtime, role } = context
  const actor = { name: 'operator', requestId }
  return rotateDomainKey({
    storage,
    envelope,
    runtime,
    columns: SEALED_COLUMNS,
    alone: role === 'operator',
    audit: (action, version, at) => managementAudit(actor, action, String(version), at),
    report,
    signal,
  })
}

export const SEAL_ROUTES: readonly [string, Handler][] = [
  ['GET /v1/seal', show],
  ['POST /v1/seal/rotate', rotateSeal],
  ['POST /v1/domain-key/rotate', rotate],
]
