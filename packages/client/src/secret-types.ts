// Requests and results of the secret actions. Field names are the wire's; times are milliseconds since 1970.

/** CreateSecret. */
export interface CreateSecretRequest {
  /** 1 to 64 characters of any kind but U+0000, taken literally; unique among the app's secrets, including those scheduled for deletion. */
  secretName: string
  /** The value: text of 1 to 4096 characters (UTF-16 units). Encode binary values, for instance in base64. */
  secretData: string
  /** The symmetric key that protects the value; the app's own hidden key unless given. */
  encryptionKeyId?: string
  /** Free text of at most 4096 characters, which is not kept secret. */
  description?: string
  /** A number of days, hours, minutes or seconds such as `30d` or `12h`, from 6 hours to 365 days; `30d` unless given. */
  rotationInterval?: string
}

/** One version of ListSecretVersionIds. */
export interface SecretVersion {
  /** 1 for the value that the secret was created with. */
  versionId: number
  createTime: number
}

/** One secret of ListSecrets. */
export interface SecretListEntry {
  secretName: string
  createTime: number
  description?: string
  /** When the secret will be deleted, if deletion is scheduled. */
  plannedDeleteTime?: number
}

/** DescribeSecret: everything about a secret except its values. */
export interface SecretDescription extends SecretListEntry {
  rotationInterval: string
  /** '' until the first rotation. */
  lastRotationDate: number | ''
  nextRotationDate: number
  /** Why the last rotation failed, and when. The value before it stays readable. */
  rotationFailure?: { at: number; message: string }
}

/** How to delete a secret: after some days, or at once and for good. */
export interface DeleteSecretOptions {
  /** Days until it is deleted, 1 to 365; 30 by default. Until then, RestoreSecret cancels the deletion. */
  recoveryPeriod?: number
  /** Delete it at once; it cannot be restored. */
  forceDelete?: boolean
}

/** One version's value. */
export interface SecretValue extends SecretVersion {
  secretName: string
  secretData: string
}

/** The webhook that the server asks for a new value before it rotates a secret of the app. */
export interface RotationWebhook {
  url: string
  createdAt: number
}
