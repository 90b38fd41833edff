import { integer, text } from '../column.ts'
import { table } from '../table.ts'

/** One row: which installation this is. */
export const instance = table(
  'instance',
  { singleton: integer<1>('check (singleton = 1)'), id: text(), createdAt: integer() },
  {
    primaryKey: ['singleton'],
    authenticated: { by: 'mac' },
    backup: { held: true, selfFilled: true },
  },
)
