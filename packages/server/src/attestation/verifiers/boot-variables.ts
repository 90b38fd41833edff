/** UEFI variables in the boot log, as policies see them (contract §8.4), with their data decoded where possible. */
import type { LoggedVariable, SignatureList, VariableValue } from '@vouchsafe/tpm'

type Json = { [name: string]: unknown }

export function variableInput({ guid, name, bytes, value }: LoggedVariable): Json {
  return { variable_name: guid.guid, unicode_name: name, variable_data: variableData(name, value, bytes) }
}

function variableData(name: string, value: VariableValue, bytes: Uint8Array): Json {
  switch (value.kind) {
    case 'boolean': {
      const enabled = { enabled: value.value ? 'Yes' : 'No' }
      // Policies of the original look in either place.
      return name === 'SecureBoot' ? { ...enabled, SecureBoot: enabled } : enabled
    }
    case 'signature-lists':
      return { signature_list: value.lists.map(signatureList) }
    case 'signature':
      return { ...(value.owner && { signature_owner: value.owner.guid }), signature_data: value.data.toHex() }
    case 'sbat':
      return { value: value.text }
    case 'boot-order':
      return { boot_order: value.order }
    case 'load-option':
      return {
        enabled: value.active ? 'Yes' : 'No',
        description: value.description,
        device_path: value.filePaths[0] ?? '',
        optional_data: value.optionalText ?? value.optionalData.toHex(),
      }
    case 'bytes':
      return { value: bytes.toHex() }
  }
}

function signatureList({ type, header, signatureSize, signatures }: SignatureList): Json {
  return {
    signature_type: type.guid,
    ...(type.name && { signature_type_name: type.name }),
    signature_list_size: 28 + header.length + signatures.length * signatureSize,
    signature_header_size: header.length,
    signature_size: signatureSize,
    signatures: signatures.map(({ owner, data }) => ({ signature_owner: owner.guid, signature_data: data.toHex() })),
  }
}
