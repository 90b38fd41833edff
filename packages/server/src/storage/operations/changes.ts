import type { OperationTable } from '../operation.ts'
import type { ChangeOperations } from '../ports/changes.ts'
import { change } from '../tables/changes.ts'

export const changeOperations = {
  readChanges: {
    mode: 'read',
    async run(db, { after, limit }) {
      const rows = await db.selectFrom('changes').select(change.names).where('seq', '>', after).orderBy('seq').limit(limit).execute()
      return rows.map(change.fromColumns)
    },
  },

  latestChange: {
    mode: 'read',
    async run(db) {
      const { value } = await db.selectFrom('counters').select('value').where('name', '=', 'changes').executeTakeFirstOrThrow()
      return value
    },
  },

  pruneChanges: {
    mode: 'write',
    async run(db, { before }) {
      const { numDeletedRows } = await db.deleteFrom('changes').where('at', '<', before).executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
  },
} satisfies Pick<OperationTable, keyof ChangeOperations>
