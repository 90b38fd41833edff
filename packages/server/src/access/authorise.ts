/**
 * The one place that says yes or no. Every edge asks here after it knows the caller and before anything is looked up for it; a domain asks
 * again where what matters is known only then.
 */
import { ServiceError } from '../foundation/index.ts'
import type { Principal } from './principal.ts'
import type { Right } from './rights.ts'

/**
 * Lets a caller do what needs `right`; null needs none.
 * @throws {ServiceError} `denied`, with the missing right in its facts
 */
export function authorise(principal: Principal, right: Right | null): void {
  if (right !== null && !principal.rights.has(right)) throw new ServiceError('denied', { facts: { right, role: principal.role } })
}

/**
 * Lets a caller attest a node: a credential that is pinned to one attests no other.
 * @param index the node's place in the request, where there are several
 * @throws {ServiceError} `denied_node`, with the node that it may attest in its facts
 */
export function authoriseNode(principal: Principal, nodeId: string, index?: number): void {
  if (principal.node !== undefined && principal.node !== nodeId)
    throw new ServiceError('denied_node', { facts: { allowed: principal.node, asked: nodeId, index } })
}
