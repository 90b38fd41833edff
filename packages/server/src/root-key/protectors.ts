// The ways to protect a root key that need nothing but this program.
import type { Runtime } from '../foundation/index.ts'
import { unwrap, wrap } from './blob.ts'
import { checkNewPassphrase, newPassphraseParameters, passphraseKey, readPassphraseParameters } from './passphrase-key.ts'
import { SealError, type Protector } from './root-key-store.ts'

/** As it is: anyone who can read the file has the key. */
export const plainProtector: Protector = {
  kind: 'file',
  protect: async (bytes) => ({ key: bytes.toBase64() }),
  reveal: async ({ key }) => Buffer.from(typeof key === 'string' ? key : '', 'base64'),
}

/** Returns the passphrase of a root key that is being created (`isNew`) or opened. */
export type PassphraseSource = (isNew: boolean) => Promise<string | undefined>

/** Under a passphrase, which is asked for once for each key that is created or opened. */
export function passphraseProtector(runtime: Runtime, ask: PassphraseSource): Protector {
  const passphrase = async (isNew: boolean): Promise<string> => {
    const given = await ask(isNew)
    if (given === undefined || given === '') {
      throw new SealError(
        'the root key is protected by a passphrase, and none was given: set seal-passphrase-file or VOUCHSAFE_SEAL_PASSPHRASE, or start on a terminal, where you are asked for it',
      )
    }
    return given
  }
  return {
    kind: 'passphrase',
    async protect(bytes, id) {
      const chosen = await passphrase(true)
      checkNewPassphrase(chosen)
      const parameters = newPassphraseParameters(runtime)
      const wrapped = wrap(await passphraseKey(chosen, parameters), additionalData(id), bytes, runtime)
      return { ...parameters, wrapped: wrapped.toString('base64') }
    },
    async reveal(fields, id) {
      const parameters = readPassphraseParameters(fields)
      if (!parameters || typeof fields.wrapped !== 'string') throw new SealError('the root key file is damaged')
      const key = await passphraseKey(await passphrase(false), parameters)
      const bytes = unwrap(key, additionalData(id), Buffer.from(fields.wrapped, 'base64'))
      if (!bytes) throw new SealError('the passphrase is wrong, or the root key file was altered; nothing was changed')
      return bytes
    },
  }
}

function additionalData(id: string): Buffer {
  return Buffer.from(JSON.stringify(['root-key', id]))
}
