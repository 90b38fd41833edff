import { TpmError } from '../error.ts'

/** Where a TPM is: a character device of Linux, or swtpm's data channel. */
export type TpmAddress = { readonly device: string } | { readonly host: string; readonly port: number } | { readonly socketPath: string }

/** The device with the kernel's resource manager, which has separate handles for every process that opens it. */
export const DEFAULT_DEVICE = '/dev/tpmrm0'

/**
 * Reads `/dev/tpmrm0` (any absolute path of a device), `swtpm:host:port`, `swtpm:[::1]:port` or `swtpm:/path/of/socket`.
 * Throws TpmError.
 *
 * @example
 * parseTpmAddress('swtpm:127.0.0.1:2321') // → { host: '127.0.0.1', port: 2321 }
 */
export function parseTpmAddress(text: string): TpmAddress {
  if (text.includes('\0')) throw new TpmError('TPM address: holds a zero character', { field: 'address' })
  if (text.startsWith('/')) return { device: text }
  if (text.startsWith('swtpm:/')) return { socketPath: text.slice('swtpm:'.length) }
  const match = /^swtpm:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port < 1 || port > 65535)
    throw new TpmError(`TPM address: '${text}' is neither a device such as ${DEFAULT_DEVICE}, swtpm:host:port nor swtpm:/path`, {
      field: 'address',
    })
  return { host: (match[1] ?? match[2])!, port }
}
