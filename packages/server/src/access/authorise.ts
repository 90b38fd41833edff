/**
 * The one place where access is decided. Every edge asks here once it knows the caller and before it looks anything up; a domain asks
 * again where the deciding fact is known only then.
 */
import { ServiceError } from '../foundation/index.ts'
import type { Principal } from './principal.ts'
import type { Right } from './rights.ts'

/**
 * Admits a caller to an operation that needs `right`; null needs none.
 * @throws {ServiceError} `denied`, with the missing right in its facts
 */
export function authorise(principal: Principal, right: Right | null): void {
  if (right !== null && !principal.rights.has(right)) throw new ServiceError('denied', { facts: { right, role: principal.role } })
}

/**
 * Whether a caller may choose among its tenant's policies which ones judge evidence: only one that may also change them. An attester, which is what is
 * judged, is always judged by the tenant's defaults.
 */
export function mayChoosePolicies({ rights }: Principal): boolean {
  return rights.has('attestation:manage')
}

/**
 * Admits a caller to attest a node: a credential that is pinned to one node attests no other.
 * @param index the node's place in the request, if there are several
 * @throws {ServiceError} `denied_node`, with the node that it may attest in its facts
 */
export function authoriseNode(principal: Principal, nodeId: string, index?: number): void {
  if (principal.node !== undefined && principal.node !== nodeId)
    throw new ServiceError('denied_node', { facts: { allowed: principal.node, asked: nodeId, index } })
}
