/** The secret manager, assembled. */
import type { ChangeFeed } from '../storage/index.ts'
import type { KeyCache } from '../keys/index.ts'
import type { Log } from '../foundation/index.ts'
import { DataKeys } from './data-keys.ts'
import { RotationWebhooks, type Outbound } from './rotation-webhook.ts'
import { SecretDeletion } from './secret-deletion.ts'
import { SecretManager, type SecretPolicy, type SecretServices } from './secret-manager.ts'
import { SecretRotation } from './secret-rotation.ts'

export interface Secrets {
  manager: SecretManager
  deletion: SecretDeletion
  rotation: SecretRotation
  webhooks: RotationWebhooks
  dataKeys: DataKeys
}

export interface AllSecretServices extends SecretServices {
  keyCache: KeyCache
  feed: ChangeFeed
  log: Log
  outbound: Outbound
}

/** @param cacheSize how many unwrapped data keys are kept ready */
export function createSecrets(services: AllSecretServices, policy: SecretPolicy, cacheSize: number): Secrets {
  const dataKeys = new DataKeys(services, cacheSize)
  const webhooks = new RotationWebhooks(services)
  return {
    manager: new SecretManager(services, dataKeys, policy),
    deletion: new SecretDeletion(services, dataKeys),
    rotation: new SecretRotation(services, dataKeys, webhooks, policy.secretVersionsKept),
    webhooks,
    dataKeys,
  }
}
