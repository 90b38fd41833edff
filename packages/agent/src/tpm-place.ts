import { DEFAULT_DEVICE, parseTpmAddress } from '@vouchsafe/tpm'
import { FieldError } from './fields.ts'
import type { Reader } from './fields.ts'

const SWTPM_PORT = 2321

/**
 * Where the TPM is. The original's words (`device`, `device:/dev/tpm0`, `swtpm`, `swtpm:host=localhost,port=2321`, `swtpm:path=/run/tpm`) and those of
 * `vouchsafe tpm --tpm` (`/dev/tpmrm0`, `swtpm:host:port`, `swtpm:/path`); returns the latter.
 */
export const tpmPlace: Reader<string> = (value, field) => {
  if (typeof value !== 'string') throw new FieldError(field, 'must be text such as device or swtpm:/path')
  const [kind = '', ...rest] = value.split(':')
  if (['mssim', 'tabrmd', 'libtpm'].includes(kind))
    throw new FieldError(field, `${kind} is not supported: use device (the kernel's resource manager serves several programs) or swtpm`)
  const address = fromOriginal(kind, rest.join(':')) ?? value
  try {
    parseTpmAddress(address)
  } catch (error) {
    throw new FieldError(field, (error as Error).message)
  }
  return address
}

function fromOriginal(kind: string, options: string): string | undefined {
  if (kind === 'device') return options === '' ? DEFAULT_DEVICE : options
  if (kind !== 'swtpm') return undefined
  if (options === '') return `swtpm:127.0.0.1:${SWTPM_PORT}`
  if (!/^(host|port|path)=/.test(options)) return undefined
  const given = new Map(options.split(',').map((each) => each.split('=', 2) as [string, string]))
  const path = given.get('path')
  return path === undefined ? `swtpm:${given.get('host') ?? '127.0.0.1'}:${given.get('port') ?? SWTPM_PORT}` : `swtpm:${path}`
}
