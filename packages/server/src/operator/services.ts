import type { Attestation } from '../attestation/index.ts'
import type { Config } from '../config/index.ts'
import type { Envelope } from '../envelope/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import type { KeyLifecycle } from '../keys/index.ts'
import type { QuotePolicies } from '../quotes/index.ts'
import type { Seal } from '../root-key/index.ts'
import type { RowResigning, SigningKeys } from '../signing-keys/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Apps, EnrollTokens, Users } from '../tenants/index.ts'
import type { Trail } from '../trail/index.ts'

/** What the operations of this edge work with. */
export interface OperatorServices {
  /** A server shares its store with others; an operator command has it alone. */
  role: 'server' | 'operator'
  config: Config
  runtime: Runtime
  log: Log
  storage: Storage
  envelope: Envelope
  seal: Seal
  apps: Apps
  users: Users
  enrollTokens: EnrollTokens
  keys: KeyLifecycle
  quotePolicies: QuotePolicies
  signingKeys: SigningKeys
  resigning: RowResigning
  attestation: Attestation
  /** Only a server has one. */
  trail: Trail | undefined
}
