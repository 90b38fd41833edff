// Certificates and CRLs of the attestation authority.
import type { CertificateType, NewCertificate } from '@vouchsafe/client'
import { UsageError, printable, table } from '@vouchsafe/command'
import { AUTHORITY_OPTIONS, connectAuthority, contentOf, nameOf, prettyJson, removalOf } from '../authority.ts'
import { command } from '../command.ts'

const TYPES = ['refvalue', 'policy', 'tpm_boot', 'tpm_ima', 'tpm_ek'] as const satisfies CertificateType[]
const CRL = 'crl'

const NAME = { type: 'string', short: 'n', value: 'NAME', summary: 'name' } as const
const DESCRIPTION = { type: 'string', short: 'd', value: 'TEXT', summary: 'description' } as const
const DEFAULT = { type: 'boolean', short: 'i', worded: true, summary: 'mark as default' } as const
const IDS = { type: 'string', short: 'i', value: 'ID', multiple: true, list: true, summary: 'ids' } as const

function typesOf(given: readonly string[]): CertificateType[] {
  const known = TYPES.filter((type) => given.includes(type))
  if (known.length < new Set(given).size) throw new UsageError(`--cert-type must be of ${TYPES.join(', ')}; or ${CRL} alone`)
  return known
}

function typeOf(given: string | undefined): CertificateType | undefined {
  return given === undefined ? undefined : typesOf([given])[0]
}

export const certificateCommands = [
  command({
    name: 'cert set',
    args: [],
    summary: 'Store a certificate for the attestation authority to trust, or a CRL',
    options: {
      name: { ...NAME, summary: 'name (default: that of the file)' },
      description: DESCRIPTION,
      'cert-type': { type: 'string', value: 'TYPE', multiple: true, list: true, summary: `its purpose: ${TYPES.join(', ')}; or ${CRL}` },
      content: { type: 'string', value: '@FILE', summary: 'the certificate (PEM), or @ and its file' },
      'crl-content': { type: 'string', short: 'c', value: '@FILE', summary: 'the CRL (PEM), or @ and its file' },
      'is-default': DEFAULT,
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const { name, description, 'cert-type': types = [], content, 'crl-content': crl, 'is-default': isDefault } = values
      const client = await connectAuthority(host, values)
      if (types.includes(CRL)) {
        if (types.length > 1 || content !== undefined) throw new UsageError(`--cert-type ${CRL} stands alone, and goes with --crl-content`)
        if (crl === undefined) throw new UsageError('--crl-content is missing')
        const json = await client.putCrl(nameOf(name, crl), await contentOf(host, crl))
        return { json, text: `${printable(json.id)}\n` }
      }
      if (types.length === 0) throw new UsageError('--cert-type is missing')
      if (content === undefined || crl !== undefined)
        throw new UsageError(`--content is needed; --crl-content goes with --cert-type ${CRL}`)
      const certificate: NewCertificate = {
        name: nameOf(name, content),
        ...(description !== undefined && { description }),
        type: typesOf(types),
        content: await contentOf(host, content),
        ...(isDefault !== undefined && { is_default: isDefault }),
      }
      const json = await client.addCertificate(certificate)
      return { json, text: `${printable(json.id)}\n` }
    },
  }),
  command({
    name: 'cert update',
    args: [],
    summary: "Change a certificate's name, description or types",
    options: {
      id: { type: 'string', value: 'ID', summary: 'which certificate' },
      name: NAME,
      description: DESCRIPTION,
      'cert-type': { type: 'string', short: 'c', value: 'TYPE', multiple: true, list: true, summary: `its purpose: ${TYPES.join(', ')}` },
      'is-default': DEFAULT,
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const { id, name, description, 'cert-type': types, 'is-default': isDefault } = values
      if (id === undefined) throw new UsageError('--id is missing')
      const client = await connectAuthority(host, values)
      const json = await client.updateCertificate(id, {
        ...(name !== undefined && { name }),
        ...(description !== undefined && { description }),
        ...(types !== undefined && { type: typesOf(types) }),
        ...(isDefault !== undefined && { is_default: isDefault }),
      })
      return { json, text: `${printable(json.id)} is now version ${json.version}\n` }
    },
  }),
  command({
    name: 'cert get',
    args: [],
    summary: 'List the certificates, or show those given by id; with --cert-type crl, the CRLs',
    options: {
      ids: IDS,
      'cert-type': { type: 'string', short: 't', value: 'TYPE', summary: `of one type: ${TYPES.join(', ')}; or ${CRL}` },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const { ids, 'cert-type': type } = values
      const client = await connectAuthority(host, values)
      if (type === CRL) {
        const crls = await client.listCrls(ids)
        if (ids !== undefined) return { json: { crls }, text: prettyJson(crls) }
        const rows = crls.map(({ crl_id: id, crl_name: name, valid_code: code, stale }) => [
          id,
          code === 1 ? 'altered' : stale ? 'stale' : 'ok',
          name,
        ])
        return { json: { crls }, text: table(['ID', 'STATE', 'NAME'], rows) }
      }
      if (ids !== undefined) {
        const certificates = await client.getCertificates(ids)
        return { json: { certificates }, text: prettyJson(certificates) }
      }
      const certificates = await client.listCertificates(typeOf(type))
      const rows = certificates.map(({ cert_id: id, version, cert_name: name }) => [id, String(version), name])
      return { json: { certificates }, text: table(['ID', 'VERSION', 'NAME'], rows) }
    },
  }),
  command({
    name: 'cert delete',
    args: [],
    summary: 'Delete certificates by id, by type or all; with --cert-type crl, CRLs by id or all',
    options: {
      'delete-type': { type: 'string', short: 'd', value: 'HOW', summary: 'id, type or all' },
      ids: IDS,
      'cert-type': { type: 'string', short: 'c', value: 'TYPE', summary: `the type to delete, or ${CRL}` },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const { 'cert-type': type } = values
      const client = await connectAuthority(host, values)
      if (type === CRL) {
        const which = removalOf(values, { option: 'cert-type', value: undefined, words: [] })
        if ('type' in which) throw new UsageError('CRLs are deleted by --ids, or with --delete-type all')
        await client.deleteCrls(which)
      } else await client.deleteCertificates(removalOf(values, { option: 'cert-type', value: typeOf(type), words: ['type'] }))
      return { json: {}, text: 'deleted\n' }
    },
  }),
]
