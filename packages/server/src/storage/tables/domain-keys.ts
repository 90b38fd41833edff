import { blob, flag, integer, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const domainKeys = table(
  'domain_keys',
  {
    version: integer(),
    rootKeyId: text(),
    wrapped: blob(),
    /** The key check value: shows a wrong root key before anything is decrypted with it. */
    checkValue: text(),
    createdAt: integer(),
    /** Whether it may seal; a new one may not before every server has it. */
    active: flag(),
    /** Over the other columns, under the domain key itself (envelope/domain-key.ts). */
    mac: blob(),
  },
  {
    primaryKey: ['version'],
    authenticated: { by: 'signature', columns: ['version', 'rootKeyId', 'wrapped', 'checkValue', 'createdAt', 'active'] },
    backup: { held: false, because: 'carried apart: a restore wraps them under the root key of where it restores to' },
  },
)

/** A domain key, wrapped under the root key `rootKeyId`. */
export interface DomainKeyRow extends RowOf<typeof domainKeys> {}
