import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import { changeRows, holdRows, markedRows } from '../authenticated-rows.ts'
import type { Db, OperationTable } from '../operation.ts'
import type { SignedRowOperations, SignedTable } from '../ports/signed-rows.ts'
import { baselines } from '../tables/baselines.ts'
import { certificates } from '../tables/certificates.ts'
import type { ChangeKind } from '../tables/changes.ts'
import { crls } from '../tables/crls.ts'
import { policies } from '../tables/policies.ts'
import { recordChanges } from './record.ts'

/** Written out, not bound: SQLite uses the partial index only where it can see that the query implies it. */
export const INTACT = sql<SqlBool>`altered = 0`
/** The id as an expression: there is mostly nothing outdated, which the index of versions shows at once and a walk over all ids late. */
export const ID = sql<string>`id || ''`

/** Under which kind a table's changes are announced. */
const CHANGES: Record<SignedTable, ChangeKind> = {
  certificates: 'certificate',
  crls: 'certificate',
  policies: 'policy',
  baselines: 'baseline',
}

const SIGNED = { certificates, crls, policies, baselines }

/** Whether a row that isn't marked is signed by that version of the FSK. */
export async function signsRows(db: Db, keyVersion: number): Promise<boolean> {
  for (const table of Object.keys(CHANGES) as SignedTable[]) {
    const query = db.selectFrom(table).select('id').where(INTACT).where('key_version', '=', keyVersion).limit(1)
    if ((await query.executeTakeFirst()) !== undefined) return true
  }
  return false
}

export const signedRowOperations = {
  outdatedCertificates: {
    mode: 'scan',
    async run(db, { keyVersion, after, limit }, context) {
      let query = db.selectFrom('certificates').selectAll().where(INTACT).where('key_version', '<', keyVersion)
      if (after !== null) query = query.where(ID, '>', after)
      return markedRows(context, certificates, await query.orderBy(ID).limit(limit).execute())
    },
  },

  outdatedCrls: {
    mode: 'scan',
    async run(db, { keyVersion, after, limit }, context) {
      let query = db.selectFrom('crls').selectAll().where(INTACT).where('key_version', '<', keyVersion)
      if (after !== null) query = query.where(ID, '>', after)
      return markedRows(context, crls, await query.orderBy(ID).limit(limit).execute())
    },
  },

  replaceRowSignature: {
    mode: 'write',
    async run(db, { table, id, signature, by }, context) {
      const query = db
        .selectFrom(table)
        .selectAll()
        .where('id', '=', id)
        .where('signature', '=', signature)
        .$if(context.dialect === 'postgres', (query) => query.forUpdate())
      const signed = SIGNED[table]
      await changeRows(db, context, signed, await holdRows(context, signed, query as never), by)
    },
  },

  markRowAltered: {
    mode: 'write',
    async run(db, { table, id, signature, at }, { dialect }) {
      // The mark alone, as the MAC leaves it out: a row whose MAC fails must not get a valid one.
      const marked = await db
        .updateTable(table)
        .set({ altered: 1 })
        .where('id', '=', id)
        .where('signature', '=', signature)
        .returning('user_id')
        .executeTakeFirst()
      if (marked !== undefined) await recordChanges(db, dialect, CHANGES[table], [marked.user_id], at)
    },
  },
} satisfies Pick<OperationTable, keyof SignedRowOperations>
