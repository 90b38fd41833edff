// An operation's `audit` is stored with the secret's id as its `object`.
import type { AuditRow } from '../tables/trail-entries.ts'
import type { SecretVersionRow } from '../tables/secret-versions.ts'
import type { SecretRow } from '../tables/secrets.ts'

export interface SecretRotationOperations {
  /** Makes a rotation due at `at`. */
  requestSecretRotation(args: {
    appId: string
    name: string
    at: number
    audit: AuditRow | null
  }): Promise<'scheduled' | 'missing' | 'deleted'>
  /**
   * Takes the rotation that is due for longest, of an enabled app not in `exceptApps`, until `leaseUntil`: other servers pass over it. It gets
   * `rotationId` unless it has an id from an earlier try. A lease that ends after `leaseUntil` was made under a wrong clock and doesn't count.
   */
  claimSecretRotation(args: { now: number; leaseUntil: number; rotationId: string; exceptApps: string[] }): Promise<SecretRow | null>
  /** Versions with their sealed values, those after `after`, oldest first. */
  readSecretVersions(args: { secretId: string; after: number; limit: number }): Promise<SecretVersionRow[]>
  /**
   * Ends a rotation: the new data key, every kept version sealed under it, the new version if there is one, and the removal of the
   * versions up to `pruneTo`, all at once. `gone`: the secret is gone or scheduled for deletion, or the rotation was ended by another
   * server; `conflict`: it isn't at `currentVersion` or `keyGeneration` any more. Announced as a change.
   */
  completeSecretRotation(args: {
    secretId: string
    rotationId: string
    /** As they were when the versions were read. */
    currentVersion: number
    keyGeneration: number
    dataKey: Uint8Array
    domainVersion: number
    versions: SecretVersionRow[]
    newVersion: SecretVersionRow | null
    pruneTo: number
    at: number
    nextRotationAt: number
    audit: AuditRow | null
    pruneAudit: AuditRow | null
  }): Promise<'rotated' | 'gone' | 'conflict'>
  /** Notes that an attempt failed, releases the lease and sets the time of the next; false if the rotation was ended by another server. */
  failSecretRotation(args: { secretId: string; rotationId: string; at: number; failure: string; dueAt: number }): Promise<boolean>
}
