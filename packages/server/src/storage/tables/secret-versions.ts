import { integer, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'
import { secrets } from './secrets.ts'

/** The secret that a value belongs to, as far as the value is bound to it. */
export const ownerOfVersion = secrets.only('id', 'appId', 'name', 'keyGeneration')

export const secretVersions = table(
  'secret_versions',
  {
    secretId: text('references secrets (id)'),
    version: integer(),
    createdAt: integer(),
    domainVersion: integer(),
    sealed: sealedBlob(),
  },
  {
    primaryKey: ['secretId', 'version'],
    sealedWith: { property: 'secret', table: secrets, by: 'secretId', columns: ownerOfVersion },
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)

export const secretVersion = secretVersions.without('secretId')
export const secretVersionSummary = secretVersions.only('version', 'createdAt')

/** One sealed value of a secret. */
export interface SecretVersionRow extends RowOf<typeof secretVersion> {}
export interface SecretVersionSummary extends RowOf<typeof secretVersionSummary> {}
