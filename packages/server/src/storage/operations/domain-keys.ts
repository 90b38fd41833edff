import type { Db, Dialect, OperationTable } from '../operation.ts'
import type { DomainKeyOperations } from '../ports/domain-keys.ts'
import { domainKeys } from '../tables/domain-keys.ts'
import { recordAudit, recordChanges } from './record.ts'
import { type sealedOperations, countSealed } from './sealed.ts'
import { reauthenticateTrail } from './trail-growth.ts'

/** Raises the revision and tells every server of it. It must come last in its transaction, as recordChanges must. */
export async function announceDomainKeys(db: Db, dialect: Dialect, at: number): Promise<void> {
  await db
    .updateTable('counters')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('name', '=', 'domain-keys')
    .execute()
  await recordChanges(db, dialect, 'domain-keys', [''], at)
}

export const domainKeyOperations = {
  listDomainKeys: {
    mode: 'read',
    async run(db) {
      return (await db.selectFrom('domain_keys').selectAll().orderBy('version').execute()).map(domainKeys.fromColumns)
    },
  },

  domainKeyRevision: {
    mode: 'read',
    async run(db) {
      const { value } = await db.selectFrom('counters').select('value').where('name', '=', 'domain-keys').executeTakeFirstOrThrow()
      return value
    },
  },

  insertDomainKey: {
    mode: 'write',
    async run(db, { row, at, audit }, context) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('domain_keys')
        .values(domainKeys.toColumns(row))
        .onConflict((conflict) => conflict.column('version').doNothing())
        .executeTakeFirstOrThrow()
      if (numInsertedOrUpdatedRows !== 1n) return false
      await recordAudit(context, audit)
      await announceDomainKeys(db, context.dialect, at)
      return true
    },
  },

  activateDomainKey: {
    mode: 'write',
    async run(db, { version, was, mac, at }, { dialect }) {
      const { numUpdatedRows } = await db
        .updateTable('domain_keys')
        .set({ active: 1, mac })
        .where('version', '=', version)
        .where('mac', '=', was)
        .executeTakeFirstOrThrow()
      if (numUpdatedRows === 0n) return false
      await announceDomainKeys(db, dialect, at)
      return true
    },
  },

  serversBehind: {
    mode: 'read',
    async run(db, { revision }) {
      const rows = await db.selectFrom('servers').select('id').where('domain_revision', '<', revision).orderBy('id').execute()
      return rows.map((row) => row.id)
    },
  },

  rewrapDomainKeys: {
    mode: 'write',
    async run(db, { from, to, wrapped, at, audit }, context) {
      let query = db.selectFrom('domain_keys').select(['version', 'root_key_id']).orderBy('version')
      if (context.dialect === 'postgres') query = query.forUpdate()
      const rows = await query.execute()
      const versions = wrapped.map(({ version }) => version).sort((a, b) => a - b)
      if (rows.length !== versions.length || rows.some((row, i) => row.version !== versions[i] || row.root_key_id !== from)) return false
      for (const each of wrapped) {
        await db
          .updateTable('domain_keys')
          .set({ root_key_id: to, wrapped: each.wrapped, mac: each.mac })
          .where('version', '=', each.version)
          .execute()
      }
      await recordAudit(context, audit)
      await announceDomainKeys(db, context.dialect, at)
      return true
    },
  },

  retireDomainKeys: {
    mode: 'write',
    async run(db, { below, at, audit }, context) {
      // Waits for transactions that are storing a blob under one of them (the guard's row lock), and keeps others from it.
      if (context.dialect === 'postgres')
        await db.selectFrom('domain_keys').select('version').where('version', '<', below).forUpdate().execute()
      if ((await countSealed(db, below)) > 0) return 'in_use'
      await db.deleteFrom('domain_keys').where('version', '<', below).execute()
      await recordAudit(context, audit)
      await announceDomainKeys(db, context.dialect, at)
      // Last, as in every transaction: it locks the trail's head.
      await reauthenticateTrail(db, context)
      return 'retired'
    },
  },
} satisfies Pick<OperationTable, Exclude<keyof DomainKeyOperations, keyof typeof sealedOperations>>
