import { createKeyCrypto } from '@vouchsafe/crypto'
import { Appraiser } from '../../src/attestation/appraisal/appraiser.ts'
import { createAttestation, type AttestationSettings } from '../../src/attestation/attestation.ts'
import { ChangeFeed } from '../../src/change-feed.ts'
import { Cryptography } from '../../src/keys/cryptography.ts'
import { GenerationQueue } from '../../src/keys/generation-queue.ts'
import { KeyImport } from '../../src/keys/key-import.ts'
import { KeyManager, type CreateKeyRequest, type KeyPolicy } from '../../src/keys/key-manager.ts'
import { KeyRing } from '../../src/keys/key-ring.ts'
import { createLog } from '../../src/log.ts'
import { createOutbound } from '../../src/outbound/post.ts'
import { systemPlatform, type Platform } from '../../src/platform.ts'
import { fileSeal } from '../../src/seal/key-file.ts'
import { openVault } from '../../src/seal/vault.ts'
import type { Outbound } from '../../src/secrets/rotation-webhook.ts'
import { createSecrets } from '../../src/secrets/secrets.ts'
import type { SecretPolicy } from '../../src/secrets/secret-manager.ts'
import { Keyring, type KeyringSettings } from '../../src/signing-keys/keyring.ts'
import { RowResigning } from '../../src/signing-keys/row-resigning.ts'
import { RowSignatures } from '../../src/signing-keys/row-signatures.ts'
import type { SecretSummary, Storage } from '../../src/storage/index.ts'
import { Apps } from '../../src/tenants/apps.ts'
import { Users } from '../../src/tenants/users.ts'

export const ACTOR = { name: 'test', requestId: 'test' }

export type Domain = Awaited<ReturnType<typeof openDomain>>

/** The domain objects of one server over `storage`, without HTTP and without background work; the feed is polled by the test. */
export async function openDomain(options: {
  storage: Storage
  dataDir: string
  platform?: Platform
  policy?: Partial<KeyPolicy & SecretPolicy>
  keyring?: Partial<KeyringSettings>
  outbound?: Outbound
  attestation?: Partial<AttestationSettings>
}) {
  const { storage, dataDir, platform = systemPlatform } = options
  const policy: KeyPolicy & SecretPolicy = {
    keyLifeDays: 365,
    keyRecoveryDays: 7,
    keysPerApp: 10_000,
    secretsPerApp: 10_000,
    secretVersionsKept: 4_000,
    ...options.policy,
  }
  const log = createLog('silent')
  const crypto = createKeyCrypto()
  const vault = await openVault(storage, fileSeal({ dataDir, platform }), platform)
  const feed = new ChangeFeed(storage, platform, log)
  const services = { storage, vault, crypto, platform, feed, log, generations: new GenerationQueue() }
  const ring = new KeyRing(services, 1_000)
  const apps = new Apps(services)
  const keys = new KeyManager(services, ring, policy)
  const cryptography = new Cryptography({ ring, crypto, platform })
  const keyImport = new KeyImport(services, ring)
  const outbound = options.outbound ?? createOutbound({ networks: 'loopback' })
  const secrets = createSecrets({ ...services, ring, outbound }, policy, 1_000)
  const users = new Users(services)
  const keyring = new Keyring(services, { tokenAlgorithm: 'RS256', signingKeyRotationDays: 90, ...options.keyring })
  const rowSignatures = new RowSignatures(keyring)
  const resigning = new RowResigning({ storage, platform, log, keyring, signatures: rowSignatures })
  const appraiser = new Appraiser({ workers: 1 })
  const attestation = createAttestation(
    { ...services, keyring, rowSignatures, resigning, appraiser },
    {
      tokenMinutes: 10,
      eatProfile: 'urn:test',
      issuer: { url: 'https://vouchsafe.example' },
      certificatesPerUser: 10,
      refuseStaleCrls: false,
      policyDefaults: 'when-absent',
      signedPolicies: false,
      ignoredNonces: false,
      akCertificateHours: 24,
      ...options.attestation,
    },
  )
  await feed.start()
  return {
    ...services,
    ring,
    apps,
    keys,
    cryptography,
    keyImport,
    secrets,
    users,
    keyring,
    rowSignatures,
    resigning,
    attestation,
    async [Symbol.asyncDispose]() {
      await secrets.rotation.stop()
      await appraiser[Symbol.asyncDispose]()
      await keyring[Symbol.asyncDispose]()
      await feed[Symbol.asyncDispose]()
      await crypto[Symbol.asyncDispose]()
    },
  }
}

/** What CreateKey asks the domain for, with everything left out that a test doesn't state. */
export function keyRequest(request: Partial<CreateKeyRequest> = {}): CreateKeyRequest {
  return {
    spec: 'EH_AES_GCM_256',
    origin: 'internal',
    usage: undefined,
    padding: undefined,
    digest: undefined,
    alias: undefined,
    expiresAt: undefined,
    ...request,
  }
}

/** Enrols an app and gives its id. */
export async function enrollApp({ apps }: Domain): Promise<string> {
  return (await apps.enroll(10_000, true, 'test')).appid
}

/** The app's secrets as one list. */
export async function secretsOf({ secrets }: Domain, app: string, after?: string): Promise<SecretSummary[]> {
  const list: SecretSummary[] = []
  await secrets.manager.list(app, after, (page) => list.push(...page) > 0)
  return list
}

/** The numbers of a secret's versions. */
export async function versionsOf({ secrets }: Domain, app: string, name: string): Promise<number[]> {
  const list: number[] = []
  await secrets.manager.versions(app, name, (page) => list.push(...page.map(({ version }) => version)) > 0)
  return list
}
