/** What users send as the content of a policy: Rego in base64, or a JWT whose claim `policy` holds that (contract §10). */
import { ServiceError, invalid } from '../../foundation/index.ts'
import { bytesOfBase64 } from '../base64.ts'
import { parseSignedContent, type SignedContent } from '../signed-content.ts'

export type ContentType = 'text' | 'jwt'

const MAX_POLICY_BYTES = 500 * 1024

export interface PolicyContent {
  /** Rego. */
  text: string
  /** For a JWT: what is to be verified. */
  signed: SignedContent | undefined
}

/** @throws {ServiceError} `invalid` */
export function readPolicyContent(type: ContentType, content: string): PolicyContent {
  if (type === 'text') return { text: regoOf(content, 'content'), signed: undefined }
  const signed = parseSignedContent(content)
  const payload = Buffer.from(signed.payload, 'base64url')
  if (payload.toString('base64url') !== signed.payload) throw invalid('content', ': the payload of the JWT is not base64url')
  const policy = claimOf(payload)
  if (typeof policy !== 'string') throw invalid('content', ': the payload of the JWT has no text `policy`')
  return { text: regoOf(policy, 'content: the claim policy'), signed }
}

function claimOf(payload: Buffer): unknown {
  try {
    return (JSON.parse(payload.toString()) as { policy?: unknown } | null)?.policy
  } catch {
    throw invalid('content', ': the payload of the JWT is not JSON')
  }
}

function regoOf(base64: string, field: string): string {
  const bytes = bytesOfBase64(base64)
  if (bytes === undefined) throw invalid(field, 'must be standard base64, with padding')
  if (bytes.length === 0) throw invalid(field, 'is empty')
  if (bytes.length > MAX_POLICY_BYTES) {
    throw new ServiceError('policy_too_long', { facts: { limit: MAX_POLICY_BYTES / 1024 } })
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // Said below.
  }
  throw invalid(field, 'must be base64 of text in UTF-8')
}
