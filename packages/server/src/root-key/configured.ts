import { readFile } from 'node:fs/promises'
import type { Runtime } from '../foundation/index.ts'
import { rootKeyFile } from './key-file.ts'
import { SealError, type RootKeyStore, type ProtectorKind } from './root-key-store.ts'
import { readPcrs, tpmProtector } from './tpm-protector.ts'

/** Asks a person for a passphrase; `question` ends in a blank. */
export type AskPassphrase = (question: string) => Promise<string>

export interface RootKeyConfig {
  dataDir: string
  seal: ProtectorKind
  sealPassphrase: string | undefined
  sealPassphraseFile: string | undefined
  tpm: string
  sealPcrs: string
}

/** The store of root keys that the configuration describes. */
export function configuredRootKeyStore(config: RootKeyConfig, runtime: Runtime, ask?: AskPassphrase): RootKeyStore {
  const passphrase = async (isNew: boolean): Promise<string | undefined> => {
    if (config.sealPassphraseFile !== undefined) return readPassphraseFile(config.sealPassphraseFile)
    if (config.sealPassphrase !== undefined || !ask) return config.sealPassphrase
    const typed = await ask(`${isNew ? 'New passphrase' : 'Passphrase'} of the root key: `)
    // The typed text is not shown, and a typo would only be noticed at the next start, when it is too late.
    if (isNew && (await ask('Once more: ')) !== typed) throw new SealError('the two differ; nothing was done')
    return typed
  }
  const protectors = [tpmProtector(config.tpm, readPcrs(config.sealPcrs))]
  return rootKeyFile({ dataDir: config.dataDir, runtime, kind: config.seal, passphrase, protectors })
}

async function readPassphraseFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/)[0]!
  } catch (error) {
    throw new SealError(`seal-passphrase-file: ${(error as Error).message}`)
  }
}
