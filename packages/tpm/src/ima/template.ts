/** How a field's bytes are made and shown. */
export type ImaFieldKind = 'digest' | 'named-digest' | 'name' | 'names' | 'hex' | 'uint16' | 'uint32'

const FIELD_KINDS: ReadonlyMap<string, ImaFieldKind> = new Map([
  ['d', 'digest'],
  ['d-ng', 'named-digest'],
  ['d-ngv2', 'named-digest'],
  ['d-modsig', 'named-digest'],
  ['n', 'name'],
  ['n-ng', 'name'],
  ['sig', 'hex'],
  ['buf', 'hex'],
  ['modsig', 'hex'],
  ['evmsig', 'hex'],
  ['xattrnames', 'names'],
  ['xattrlengths', 'hex'],
  ['xattrvalues', 'hex'],
  ['iuid', 'uint32'],
  ['igid', 'uint32'],
  ['imode', 'uint16'],
])

/** The templates that have a name; all others are shown as their list of fields. */
const NAMED_TEMPLATES: ReadonlyMap<string, string> = new Map([
  ['ima', 'd|n'],
  ['ima-ng', 'd-ng|n-ng'],
  ['ima-sig', 'd-ng|n-ng|sig'],
  ['ima-ngv2', 'd-ngv2|n-ng'],
  ['ima-sigv2', 'd-ngv2|n-ng|sig'],
  ['ima-buf', 'd-ng|n-ng|buf'],
  ['ima-modsig', 'd-ng|n-ng|sig|d-modsig|modsig'],
  ['evm-sig', 'd-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode'],
])

/** The name in the original template, padded. */
export const LEGACY_NAME_SIZE = 256

/** The kernel's IMA_TEMPLATE_NUM_FIELDS_MAX. */
export const MAX_FIELDS = 15

export interface ImaTemplate {
  readonly name: string
  readonly fields: readonly { readonly id: string; readonly kind: ImaFieldKind }[]
  /** The original `ima` template: no lengths, and its digest covers the name padded with zeros to 256 bytes. */
  readonly legacy: boolean
  /** The one field that may hold blanks in an ASCII log: the last name; the number of fields when there is none. */
  readonly elastic: number
}

/**
 * The template of that name, or of that list of fields (`d-ng|n-ng|sig`); undefined when it is neither.
 * Source: Linux, Documentation/security/IMA-templates.rst and security/integrity/ima/ima_template.c.
 */
export function imaTemplate(name: string): ImaTemplate | undefined {
  const ids = (NAMED_TEMPLATES.get(name) ?? name).split('|')
  if (ids.length > MAX_FIELDS) return undefined
  const fields: { id: string; kind: ImaFieldKind }[] = []
  for (const id of ids) {
    const kind = FIELD_KINDS.get(id)
    if (kind === undefined) return undefined
    fields.push({ id, kind })
  }
  const last = fields.findLastIndex(({ kind }) => kind === 'name')
  return { name, fields, legacy: name === 'ima', elastic: last === -1 ? fields.length : last }
}
