import type { AuditRow } from '../tables/trail-entries.ts'
import type { CollateralRow } from '../tables/collateral.ts'
import type { QuotePolicyRow } from '../tables/quote-policies.ts'
import type { SimulatedPkiRow } from '../tables/simulated-pkis.ts'

export interface QuotePolicyOperations {
  /** `limit` bounds the app's policies, exactly, over all servers. The app must exist. */
  insertQuotePolicy(args: { policy: QuotePolicyRow; limit: number; audit: AuditRow | null }): Promise<'created' | 'limit'>
  findQuotePolicy(args: { appId: string; id: string }): Promise<QuotePolicyRow | null>
  /** Policies of one app or of all, oldest first (by creation, then id). */
  listQuotePolicies(args: {
    appId: string | null
    after: { createdAt: number; id: string } | null
    limit: number
  }): Promise<QuotePolicyRow[]>
  /** False when there is none. */
  deleteQuotePolicy(args: { id: string; audit: AuditRow | null }): Promise<boolean>
}

export interface CollateralOperations {
  findCollateral(args: { platform: string }): Promise<CollateralRow | null>
  /** Stores collateral in place of an older one of its platform; beyond `limit` platforms, those that were fetched longest ago go. */
  putCollateral(args: { row: CollateralRow; limit: number }): Promise<void>
}

export interface SimulatedPkiOperations {
  findSimulatedPki(args: { id: string }): Promise<SimulatedPkiRow | null>
  /** False when there is one of that id already; it is left as it was. */
  insertSimulatedPki(args: { row: SimulatedPkiRow }): Promise<boolean>
}
