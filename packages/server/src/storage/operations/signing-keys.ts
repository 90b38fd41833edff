import { deleteRows, findRow, holdRow, insertRow, verifiedRow } from '../authenticated-rows.ts'
import type { OperationTable } from '../operation.ts'
import type { SigningKeyOperations } from '../ports/signing-keys.ts'
import { instance } from '../tables/instance.ts'
import { signingKeys } from '../tables/signing-keys.ts'
import { recordAudit, recordChanges } from './record.ts'
import { signsRows } from './signed-rows.ts'

export const signingKeyOperations = {
  listSigningKeys: {
    mode: 'read',
    async run(db, _args, context) {
      const rows = await db.selectFrom('signing_keys').selectAll().orderBy('name').orderBy('version').execute()
      // One that was altered is not passed over: what it signs, and what would sign in its place, must not be guessed.
      return rows.map((row) => verifiedRow(context, signingKeys, row))
    },
  },

  insertSigningKey: {
    mode: 'write',
    async run(db, { row, audit }, context) {
      if (!(await insertRow(db, context, signingKeys, row, ['name', 'version']))) return false
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'signing-key', [row.name], row.createdAt)
      return true
    },
  },

  retireSigningKey: {
    mode: 'write',
    async run(db, { name, version, at, audit }, context) {
      const { newest } = await db
        .selectFrom('signing_keys')
        .select(({ fn }) => fn.max('version').as('newest'))
        .where('name', '=', name)
        .executeTakeFirstOrThrow()
      if (version === newest) return 'newest'
      if (name === 'FSK' && (await signsRows(db, version))) return 'used'
      const query = db
        .selectFrom('signing_keys')
        .selectAll()
        .where('name', '=', name)
        .where('version', '=', version)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate())
      const held = await holdRow(context, signingKeys, query)
      if (held === undefined) return 'missing'
      await deleteRows(db, context, signingKeys, [held])
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'signing-key', [name], at)
      return 'retired'
    },
  },

  instanceId: {
    mode: 'write',
    async run(db, { candidate, at }, context) {
      const query = db.selectFrom('instance').selectAll().where('singleton', '=', 1)
      const known = await findRow(context, instance, query)
      if (known !== undefined) return known.id
      if (await insertRow(db, context, instance, { singleton: 1, id: candidate, createdAt: at }, ['singleton'])) return candidate
      return (await findRow(context, instance, query))!.id
    },
  },
} satisfies Pick<OperationTable, keyof SigningKeyOperations>
