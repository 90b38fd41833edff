/** Certificates of attestation keys, from the server's own CA: an API of ours. */
import { X509Certificate } from 'node:crypto'
import { toPem } from '@vouchsafe/x509'
import { Type } from 'typebox'
import { GTA } from '@vouchsafe/operations'
import { ekDigestOf } from '../../attestation/index.ts'
import { invalidParameter } from '../../foundation/index.ts'
import { operation, text } from '../operation.ts'

const PEM = Type.String({ minLength: 1, maxLength: 128 * 1024 })
const PUBLIC_AREA = Type.String({ minLength: 1, maxLength: 8 * 1024, description: 'base64 of TPMT_PUBLIC' })
const DIGEST = Type.String({ minLength: 64, maxLength: 64, description: "SHA-256 of the endorsement key's SubjectPublicKeyInfo, hex" })
const TIME = Type.Integer({ description: 'milliseconds since 1970' })
const REASON = Type.Optional(Type.String({ maxLength: 32, description: 'a reason of RFC 5280 §5.3.1; default: unspecified' }))
const ENROLMENT = Type.Object({ ek_digest: Type.String(), node_id: Type.String(), created_at: TIME })

export const akCertificateOperations = [
  operation(GTA.ChallengeAk, {
    body: Type.Object({
      ek_certificate: Type.String({ ...PEM, description: "PEM of the endorsement key's certificate; intermediates may follow" }),
      ek_public: PUBLIC_AREA,
      ak_public: PUBLIC_AREA,
    }),
    result: Type.Object({
      challenge_id: Type.String({ description: 'for one use, within five minutes' }),
      node_id: Type.String({ description: 'what the certificate will say' }),
      credential_blob: Type.String({ description: 'base64; the contents of TPM2B_ID_OBJECT' }),
      encrypted_secret: Type.String({ description: 'base64; the contents of TPM2B_ENCRYPTED_SECRET' }),
    }),
    async handle({ body }, call, { akCertificates }) {
      const request = { ekCertificate: body.ek_certificate, ekPublic: body.ek_public, akPublic: body.ak_public }
      const { id, nodeId, credentialBlob, encryptedSecret } = await akCertificates.challenge(call.principal, request)
      return { challenge_id: id, node_id: nodeId, credential_blob: credentialBlob.toBase64(), encrypted_secret: encryptedSecret.toBase64() }
    },
  }),
  operation(GTA.IssueAkCertificate, {
    body: Type.Object({ challenge_id: text(1, 8192), secret: Type.String({ minLength: 1, maxLength: 128, description: 'base64' }) }),
    result: Type.Object({
      node_id: Type.String(),
      serial_number: Type.String({ description: 'hex' }),
      not_after: TIME,
      certificate: Type.String({ description: 'PEM' }),
      authority: Type.String({
        description: "PEM of the user's CA, which need not be stored: it counts for the user's evidence anyway",
      }),
    }),
    async handle({ body }, call, { akCertificates }) {
      const issued = await akCertificates.issue(call, { id: body.challenge_id, secret: body.secret })
      return {
        node_id: issued.nodeId,
        serial_number: issued.serialNumber,
        not_after: issued.notAfter,
        certificate: issued.certificate,
        authority: issued.authority,
      }
    },
  }),
  operation(GTA.ListAkCertificates, {
    query: Type.Object({ node_id: Type.Optional(text(1, 255)), after: Type.Optional(text(1, 64)) }, { additionalProperties: false }),
    result: Type.Object({
      certificates: Type.Array(
        Type.Object({
          serial_number: Type.String(),
          node_id: Type.String(),
          ek_digest: Type.String(),
          issued_at: TIME,
          not_after: TIME,
          revoked_at: Type.Optional(TIME),
          reason: Type.Optional(Type.String()),
        }),
      ),
      next: Type.Optional(Type.String({ description: 'pass it as `after` to get the next page' })),
    }),
    async handle({ query }, call, { akCertificates }) {
      const { certificates, next } = await akCertificates.list(call.principal, query.node_id, query.after)
      return {
        certificates: certificates.map(({ serialNumber, nodeId, ekDigest, issuedAt, notAfter, revokedAt, reason }) => ({
          serial_number: serialNumber,
          node_id: nodeId,
          ek_digest: ekDigest,
          issued_at: issuedAt,
          not_after: notAfter,
          ...(revokedAt === null ? {} : { revoked_at: revokedAt, reason: reason ?? 'unspecified' }),
        })),
        ...(next === undefined ? {} : { next }),
      }
    },
  }),
  operation(GTA.RevokeAkCertificates, {
    body: Type.Object({ serial_number: Type.Optional(text(1, 64)), node_id: Type.Optional(text(1, 255)), reason: REASON }),
    result: Type.Object({ revoked: Type.Array(Type.String({ description: 'serial numbers' })) }),
    async handle({ body }, call, { akCertificates }) {
      const { serial_number: serialNumber, node_id: nodeId, reason = 'unspecified' } = body
      if ((serialNumber === undefined) === (nodeId === undefined)) throw invalidParameter('give serial_number or node_id')
      const of = serialNumber === undefined ? { nodeId: nodeId! } : { serialNumber: serialNumber.toLowerCase() }
      return { revoked: await akCertificates.revoke(call, of, reason) }
    },
  }),
  operation(GTA.AkAuthority, {
    result: Type.Object({
      authorities: Type.Array(
        Type.Object({
          version: Type.Integer(),
          certificate: Type.String({ description: 'PEM' }),
          crl: Type.String({ description: 'PEM' }),
        }),
      ),
    }),
    async handle(_input, call, { akCertificates }) {
      const { authorities, crls } = await akCertificates.authorities.of(call.principal.tenant)
      return {
        authorities: authorities
          .map(({ version, certificate }, i) => ({
            version,
            certificate: toPem('CERTIFICATE', certificate.der),
            crl: toPem('X509 CRL', crls[i]!.der),
          }))
          .reverse(),
      }
    },
  }),
  operation(GTA.AddAkEnrolment, {
    body: Type.Object({
      node_id: text(1, 255),
      ek_digest: Type.Optional(DIGEST),
      ek_certificate: Type.Optional(Type.String({ ...PEM, description: 'instead of the digest: PEM' })),
    }),
    result: ENROLMENT,
    async handle({ body }, call, { akCertificates }) {
      const { node_id: nodeId, ek_digest, ek_certificate } = body
      if ((ek_digest === undefined) === (ek_certificate === undefined)) throw invalidParameter('give ek_digest or ek_certificate')
      const ekDigest = ek_certificate === undefined ? ek_digest!.toLowerCase() : digestOfCertificate(ek_certificate)
      return described(await akCertificates.enrolments.add(call, { ekDigest, nodeId }))
    },
  }),
  operation(GTA.ListAkEnrolments, {
    query: Type.Object({ after: Type.Optional(text(1, 64)) }, { additionalProperties: false }),
    result: Type.Object({ enrolments: Type.Array(ENROLMENT), next: Type.Optional(Type.String()) }),
    async handle({ query }, call, { akCertificates }) {
      const { enrolments, next } = await akCertificates.enrolments.list(call.principal, query.after)
      return { enrolments: enrolments.map(described), ...(next === undefined ? {} : { next }) }
    },
  }),
  operation(GTA.DeleteAkEnrolment, {
    body: Type.Object({ ek_digest: DIGEST, reason: REASON }),
    result: Type.Object({ deleted: Type.Boolean() }),
    async handle({ body }, call, { akCertificates }) {
      const { ek_digest, reason = 'unspecified' } = body
      return { deleted: await akCertificates.deleteEnrolment(call, ek_digest.toLowerCase(), reason) }
    },
  }),
]

function described({ ekDigest, nodeId, createdAt }: { ekDigest: string; nodeId: string; createdAt: number }) {
  return { ek_digest: ekDigest, node_id: nodeId, created_at: createdAt }
}

function digestOfCertificate(pem: string): string {
  try {
    return ekDigestOf(new X509Certificate(pem).publicKey)
  } catch {
    throw invalidParameter('ek_certificate is not a certificate in PEM with a key that can be read')
  }
}
