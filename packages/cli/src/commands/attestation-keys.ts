// Attestation keys whose certificates the attestation authority issues: which TPM is which node, and what was issued.
import { UsageError, printable, table, timeText } from '@vouchsafe/command'
import { AUTHORITY_OPTIONS, connectAuthority, contentOf, prettyJson } from '../authority.ts'
import { command } from '../command.ts'

const DIGEST = { type: 'string', value: 'HEX', summary: 'SHA-256 of the endorsement key (SubjectPublicKeyInfo)' } as const
const REASON = { type: 'string', value: 'REASON', summary: 'the reason, such as keyCompromise or cessationOfOperation' } as const

export const attestationKeyCommands = [
  command({
    name: 'ak enrolments set',
    args: ['NODE_ID'],
    summary: 'Assign a TPM to a node: certificates of its attestation keys then name that node',
    options: {
      'ek-digest': DIGEST,
      'ek-certificate': {
        type: 'string',
        value: '@FILE',
        summary: "alternatively, the endorsement key's certificate (PEM), or @ and its file",
      },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, [node = ''], values) {
      const { 'ek-digest': digest, 'ek-certificate': certificate } = values
      if ((digest === undefined) === (certificate === undefined)) throw new UsageError('give --ek-digest or --ek-certificate')
      const key = digest === undefined ? { ek_certificate: await contentOf(host, certificate!) } : { ek_digest: digest }
      const json = await (await connectAuthority(host, values)).addAkEnrolment(node, key)
      return { json, text: `${printable(json.ek_digest)}\n` }
    },
  }),
  command({
    name: 'ak enrolments get',
    args: [],
    summary: 'List which TPM belongs to which node',
    options: AUTHORITY_OPTIONS,
    async run(host, _args, values) {
      const enrolments = await (await connectAuthority(host, values)).listAkEnrolments()
      const rows = enrolments.map(({ ek_digest: digest, created_at: at, node_id: node }) => [digest, timeText(at), node])
      return { json: { enrolments }, text: table(['EK DIGEST', 'SINCE', 'NODE'], rows) }
    },
  }),
  command({
    name: 'ak enrolments delete',
    args: ['EK_DIGEST'],
    summary: 'End an enrolment, and revoke the certificates issued under it',
    options: { reason: REASON, ...AUTHORITY_OPTIONS },
    async run(host, [digest = ''], values) {
      const deleted = await (await connectAuthority(host, values)).deleteAkEnrolment(digest, values.reason)
      return { json: { deleted }, text: deleted ? 'deleted\n' : 'there is no such enrolment\n', exitCode: deleted ? 0 : 1 }
    },
  }),
  command({
    name: 'ak certs get',
    args: [],
    summary: 'List the certificates issued for attestation keys',
    options: { node: { type: 'string', value: 'NODE_ID', summary: 'those of one node' }, ...AUTHORITY_OPTIONS },
    async run(host, _args, values) {
      const certificates = await (await connectAuthority(host, values)).listAkCertificates(values.node)
      const rows = certificates.map(({ serial_number: serial, issued_at: issued, not_after: end, node_id: node, reason }) => {
        return [serial, timeText(issued), timeText(end), reason ?? '', node]
      })
      return { json: { certificates }, text: table(['SERIAL NUMBER', 'ISSUED', 'UNTIL', 'REVOKED FOR', 'NODE'], rows) }
    },
  }),
  command({
    name: 'ak certs revoke',
    args: ['[SERIAL_NUMBER]'],
    summary: "Revoke one attestation key's certificate, or all of a node's",
    options: { node: { type: 'string', value: 'NODE_ID', summary: 'all of this node' }, reason: REASON, ...AUTHORITY_OPTIONS },
    async run(host, [serial], values) {
      const { node, reason } = values
      if ((serial === undefined) === (node === undefined)) throw new UsageError('give SERIAL_NUMBER or --node')
      const which = serial === undefined ? { node_id: node! } : { serial_number: serial }
      const revoked = await (await connectAuthority(host, values)).revokeAkCertificates(which, reason)
      return { json: { revoked }, text: `${revoked.length} revoked\n`, exitCode: revoked.length > 0 ? 0 : 1 }
    },
  }),
  command({
    name: 'ak authority',
    args: [],
    summary: 'Show the CAs that issue certificates of attestation keys, newest first, and their CRLs',
    options: AUTHORITY_OPTIONS,
    async run(host, _args, values) {
      const authorities = await (await connectAuthority(host, values)).listAkAuthorities()
      return { json: { authorities }, text: prettyJson(authorities) }
    },
  }),
]
