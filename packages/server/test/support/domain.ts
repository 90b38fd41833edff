import { createKeyCrypto } from '@vouchsafe/crypto'
import { Appraiser } from '../../src/attestation/appraisal/appraiser.ts'
import { createAttestation, type AttestationSettings } from '../../src/attestation/attestation.ts'
import { ChangeFeed } from '../../src/storage/change-feed.ts'
import { Cryptography } from '../../src/keys/cryptography.ts'
import { GenerationQueue } from '../../src/keys/generation-queue.ts'
import { KeyImport } from '../../src/keys/key-import.ts'
import { KeyLifecycle, type CreateKeyRequest, type KeyPolicy } from '../../src/keys/key-lifecycle.ts'
import { KeyCache } from '../../src/keys/key-cache.ts'
import { createLog } from '../../src/process/log.ts'
import { createOutbound } from '../../src/outbound/post.ts'
import { systemRuntime, type Runtime } from '../../src/foundation/runtime.ts'
import { rootKeyFile } from '../../src/root-key/key-file.ts'
import { openEnvelope } from '../../src/envelope/envelope.ts'
import type { Outbound } from '../../src/secrets/rotation-webhook.ts'
import { createSecrets } from '../../src/secrets/secrets.ts'
import type { SecretPolicy } from '../../src/secrets/secret-manager.ts'
import { SigningKeys, type SigningKeySettings } from '../../src/signing-keys/signing-keys.ts'
import { RowResigning } from '../../src/signing-keys/row-resigning.ts'
import { RowSignatures } from '../../src/signing-keys/row-signatures.ts'
import type { SecretSummary, Storage } from '../../src/storage/index.ts'
import { Apps } from '../../src/tenants/apps.ts'
import { Users } from '../../src/tenants/users.ts'
import { asApp, enrollCall } from '@vouchsafe/testkit/callers'
import { promised } from './promised.ts'

export const ACTOR = { name: 'test', requestId: 'test' }

export type Domain = Awaited<ReturnType<typeof openDomain>>

/** The domain objects of one server over `storage`, without HTTP and without background work; the feed is polled by the test. */
export async function openDomain(options: {
  storage: Storage
  dataDir: string
  runtime?: Runtime
  policy?: Partial<KeyPolicy & SecretPolicy>
  signingKeys?: Partial<SigningKeySettings>
  outbound?: Outbound
  attestation?: Partial<AttestationSettings>
}) {
  const { storage, dataDir, runtime = systemRuntime } = options
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
  const envelope = await openEnvelope(storage, rootKeyFile({ dataDir, runtime }), runtime)
  const feed = new ChangeFeed(storage, runtime, log)
  const services = { storage, envelope, crypto, runtime, feed, log, generations: new GenerationQueue() }
  const keyCache = new KeyCache(services, 1_000)
  const apps = new Apps(services)
  const keys = new KeyLifecycle(services, keyCache, policy)
  const cryptography = promised(new Cryptography({ keyCache, crypto, runtime }))
  const keyImport = new KeyImport(services, keyCache)
  const outbound = options.outbound ?? createOutbound({ networks: 'loopback' })
  const secrets = createSecrets({ ...services, keyCache, outbound }, policy, 1_000)
  const users = new Users(services)
  const signingKeys = new SigningKeys(services, { tokenAlgorithm: 'RS256', signingKeyRotationDays: 90, ...options.signingKeys })
  const rowSignatures = new RowSignatures(signingKeys)
  const resigning = new RowResigning({ storage, runtime, log, signingKeys, signatures: rowSignatures })
  const appraiser = new Appraiser({ workers: 1 })
  const attestation = createAttestation(
    { ...services, signingKeys, rowSignatures, resigning, appraiser },
    {
      tokenMinutes: 10,
      eatProfile: 'urn:test',
      issuer: { url: 'https://vouchsafe.example' },
      certificatesPerUser: 10,
      refuseStaleCrls: false,
      requireEkUsage: false,
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
    keyCache,
    apps,
    keys,
    cryptography,
    keyImport,
    secrets,
    users,
    signingKeys,
    rowSignatures,
    resigning,
    attestation,
    async [Symbol.asyncDispose]() {
      await secrets.rotation.stop()
      await appraiser[Symbol.asyncDispose]()
      await signingKeys[Symbol.asyncDispose]()
      await feed[Symbol.asyncDispose]()
      await crypto[Symbol.asyncDispose]()
    },
  }
}

/** What CreateKey asks the domain for, with everything left out that a test doesn't state. */
export function keyRequest(request: Partial<CreateKeyRequest> = {}): CreateKeyRequest {
  return {
    spec: 'aes-256-gcm',
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
  return (await apps.enroll(enrollCall(), { limit: 10_000, acceptUpperCase: true })).appid
}

/** The app's secrets as one list. */
export async function secretsOf({ secrets }: Domain, app: string, after?: string): Promise<SecretSummary[]> {
  const list: SecretSummary[] = []
  await secrets.manager.list(asApp(app), after, (page) => list.push(...page) > 0)
  return list
}

/** The numbers of a secret's versions. */
export async function versionsOf({ secrets }: Domain, app: string, name: string): Promise<number[]> {
  const list: number[] = []
  await secrets.manager.versions(asApp(app), name, (page) => list.push(...page.map(({ version }) => version)) > 0)
  return list
}
