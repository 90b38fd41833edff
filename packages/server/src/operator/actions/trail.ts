import { Type } from 'typebox'
import { text } from '../../edge/index.ts'
import { invalidParameter } from '../../foundation/index.ts'
import { changeRecord } from '../../trail/index.ts'
import { operation, orNull } from '../operation.ts'
import { KEPT_FROM } from './audit.ts'

const EPOCH = Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'the newest if absent' }))
const CHECKPOINT = Type.Optional(
  Type.Enum(['newest', 'cosigned'], { description: 'the newest, which is the default, or the newest that witnesses cosigned' }),
)
const POSITION = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

const LIMIT = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

export const trailOperations = [
  operation({
    name: 'ReadCheckpoint',
    summary: "Returns the trail's newest signed checkpoint, and the key that signs it.",
    method: 'GET',
    path: '/v1/trail/checkpoint',
    right: 'server:read',
    input: { epoch: EPOCH, checkpoint: CHECKPOINT },
    result: Type.Object({
      epoch: Type.Integer(),
      origin: Type.String(),
      key: Type.String({ description: 'C2SP signed-note verifier key' }),
      size: Type.Integer({ description: 'entries that it covers' }),
      first: Type.Integer({ description: 'the first entry that is kept' }),
      note: Type.String({ description: 'C2SP signed note, with the cosignatures of witnesses' }),
    }),
    async handle({ epoch = null, checkpoint }, _call, { logFiles, settleTrail }) {
      await settleTrail()
      return { ...(await logFiles.checkpoint(epoch, checkpoint)) }
    },
  }),
  operation({
    name: 'ReadTrailFile',
    summary: 'Returns a tile of hashes or a bundle of entries (C2SP tlog-tiles) that the newest checkpoint covers.',
    method: 'GET',
    path: '/v1/trail/file',
    right: 'server:read',
    input: { epoch: EPOCH, path: text(1, 64) },
    result: Type.Object({ bytes: Type.String({ description: 'base64' }) }),
    async handle({ epoch = null, path }, _call, { logFiles }) {
      return { bytes: Buffer.from(await logFiles.read(epoch, path)).toString('base64') }
    },
  }),
  operation({
    name: 'ProveEntry',
    summary: 'Returns a proof (C2SP tlog-proof) that an entry is in the trail; its `extra` line holds the entry.',
    method: 'GET',
    path: '/v1/trail/proof',
    right: 'server:read',
    input: { epoch: EPOCH, position: POSITION, checkpoint: CHECKPOINT },
    result: Type.Object({ proof: Type.String() }),
    async handle({ epoch = null, position, checkpoint }, _call, { logFiles, settleTrail }) {
      await settleTrail()
      return { proof: await logFiles.prove(epoch, position, checkpoint) }
    },
  }),
  operation({
    name: 'CheckTrail',
    summary: 'Compares the store with the trail, as every start and every hour does.',
    method: 'POST',
    path: '/v1/trail/check',
    right: 'server:manage',
    input: {},
    result: Type.Object({
      faults: Type.Array(Type.Object({ fault: Type.String(), table: Type.String(), id: Type.String() })),
      more: Type.Integer({ description: 'how many there are beyond those listed' }),
      entries: Type.Integer(),
      rows: Type.Integer(),
    }),
    handle: async (_input, _call, { checkTrail }) => ({ ...(await checkTrail()) }),
  }),
  operation({
    name: 'PruneTrail',
    summary:
      'Removes older entries of the trail, and records of calls that are as old, but for hashes and what rows were left as: all but what is younger than `ageMs`, or the newest `entries`; as configured if neither is given.',
    method: 'POST',
    path: '/v1/trail/prune',
    right: 'server:manage',
    input: { ageMs: LIMIT, entries: LIMIT },
    result: Type.Object({ removed: Type.Integer(), files: Type.Integer(), beginning: orNull(KEPT_FROM) }),
    async handle({ ageMs, entries }, call, { trailKeep, settleTrail, runtime }) {
      const isGiven = ageMs !== undefined || entries !== undefined
      const keep = isGiven ? { ageMs: ageMs ?? null, entries: entries ?? null } : trailKeep.keep
      if (keep === undefined) throw invalidParameter('nothing says what is to be kept: give ageMs or entries, or configure trail-keep')
      // What no checkpoint covers yet stays.
      await settleTrail()
      return { ...(await trailKeep.prune(keep, changeRecord(call, '', runtime.now()))) }
    },
  }),
]
