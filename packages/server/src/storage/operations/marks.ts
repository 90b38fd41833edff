import { findRow, insertRow, replaceRow } from '../authenticated-rows.ts'
import type { OperationTable } from '../operation.ts'
import type { MarkOperations } from '../ports/marks.ts'
import { marks } from '../tables/marks.ts'

export const markOperations = {
  findMark: {
    mode: 'read',
    async run(db, { id }, context) {
      return (await findRow(context, marks, db.selectFrom('marks').selectAll().where('id', '=', id))) ?? null
    },
  },

  putMark: {
    mode: 'write',
    async run(db, { row }, context) {
      const query = db
        .selectFrom('marks')
        .selectAll()
        .where('id', '=', row.id)
        .$if(context.dialect === 'postgres', (one) => one.forUpdate())
      if (!(await replaceRow(db, context, marks, query, row))) await insertRow(db, context, marks, row)
    },
  },
} satisfies Pick<OperationTable, keyof MarkOperations>
