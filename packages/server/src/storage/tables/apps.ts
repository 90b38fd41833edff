import { flag, integer, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const apps = table(
  'apps',
  {
    id: text(),
    enabled: flag(),
    /** Requests must carry the HMAC over method, action and raw body. */
    strictSignature: flag(),
    /** Accept a signature whose base64 text was upper-cased. */
    acceptUpperCase: flag(),
    createdAt: integer(),
    /** The app's keys, deleted and default ones left out: counted here, so that a limit costs no look at the keys. */
    keyCount: integer(),
  },
  {
    primaryKey: ['id'],
    clustered: true,
    authenticated: { by: 'mac', except: { keyCount: 'a count for a limit, which each new key raises: it permits no more than more keys' } },
    backup: { held: true },
  },
)

export const appWithoutCount = apps.without('keyCount')

/** A tenant, which signs requests with one of its API keys. */
export interface AppRow extends RowOf<typeof appWithoutCount> {}
