import { type AnyTable as Described, type StoredOf, isMacTable } from '../table.ts'
import { akAuthorities } from './ak-authorities.ts'
import { akCertificates } from './ak-certificates.ts'
import { akEnrolments } from './ak-enrolments.ts'
import { apiKeys } from './api-keys.ts'
import { apps } from './apps.ts'
import { baselineContents } from './baseline-contents.ts'
import { baselines } from './baselines.ts'
import { certificates } from './certificates.ts'
import { changes } from './changes.ts'
import { collateral } from './collateral.ts'
import { counters } from './counters.ts'
import { crls } from './crls.ts'
import { domainKeys } from './domain-keys.ts'
import { enrollTokens } from './enroll-tokens.ts'
import { fences } from './fences.ts'
import { importSessions } from './import-sessions.ts'
import { instance } from './instance.ts'
import { keys } from './keys.ts'
import { manifests } from './manifests.ts'
import { marks } from './marks.ts'
import { policies } from './policies.ts'
import { quotePolicies } from './quote-policies.ts'
import { replayRecords } from './replay-records.ts'
import { replayWindows } from './replay-windows.ts'
import { rotationWebhooks } from './rotation-webhooks.ts'
import { schemaMigrations } from './schema-migrations.ts'
import { secretVersions } from './secret-versions.ts'
import { secrets } from './secrets.ts'
import { servers } from './servers.ts'
import { signingKeys } from './signing-keys.ts'
import { simulatedPkis } from './simulated-pkis.ts'
import { trailBeginnings } from './trail-beginnings.ts'
import { trailEntries } from './trail-entries.ts'
import { trailHeads } from './trail-heads.ts'
import { trailRows } from './trail-rows.ts'
import { trailTiles } from './trail-tiles.ts'
import { trailWriters } from './trail-writers.ts'
import { usedNonces } from './used-nonces.ts'
import { userCredentials } from './user-credentials.ts'
import { users } from './users.ts'

/** Every table, each after those that its rows refer to: the order in which they are made, backed up and restored. */
export const TABLES = [
  schemaMigrations,
  domainKeys,
  apps,
  apiKeys,
  keys,
  importSessions,
  secrets,
  secretVersions,
  rotationWebhooks,
  enrollTokens,
  instance,
  signingKeys,
  users,
  userCredentials,
  usedNonces,
  certificates,
  crls,
  policies,
  baselines,
  baselineContents,
  akAuthorities,
  akEnrolments,
  akCertificates,
  quotePolicies,
  manifests,
  simulatedPkis,
  collateral,
  fences,
  replayRecords,
  replayWindows,
  marks,
  servers,
  counters,
  changes,
  trailEntries,
  trailRows,
  trailHeads,
  trailBeginnings,
  trailTiles,
  trailWriters,
] as const

/** Those with a MAC in each row, by name. */
export const MAC_TABLES = new Map((TABLES as readonly Described[]).filter(isMacTable).map((table) => [table.name, table]))

type AnyTable = (typeof TABLES)[number]
export type TableName = AnyTable['name']
export type TableNamed<N extends TableName> = Extract<AnyTable, { name: N }>

/** The tables as Kysely sees them: the same on both databases. */
export type Schema = { [N in TableName]: StoredOf<TableNamed<N>> }
