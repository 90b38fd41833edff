import { PcrsChangedError, TpmError, encodeSealedSecret, openTpm, parseSealedSecret, sealToPcrs, unsealFromPcrs } from '@vouchsafe/tpm'
import type { KnownPcrSelection } from '@vouchsafe/tpm'
import { SealError, type Protector } from './root-key-store.ts'

/** More time than a TPM needs for these commands; a start should not hang for minutes. */
const TIMEOUT_MS = 30_000

/**
 * Seals the root key to this machine's TPM: it opens only there, and only while the PCRs have the values that they had at sealing.
 * @param tpm the TPM's address, as openTpm takes it
 */
export function tpmProtector(tpm: string, pcrs: readonly KnownPcrSelection[]): Protector {
  const using = async <T>(work: (connection: Awaited<ReturnType<typeof openTpm>>) => Promise<T>): Promise<T> => {
    try {
      await using connection = await openTpm(tpm, { timeout: TIMEOUT_MS })
      return await work(connection)
    } catch (error) {
      if (error instanceof PcrsChangedError) {
        const list = error.changed.map(({ algorithm, index }) => `PCR ${index} of ${algorithm}`).join(', ')
        throw new SealError(
          `the TPM does not unseal the root key: ${list} changed since it was sealed; boot as before, or restore a backup under another seal (${error.message})`,
        )
      }
      if (error instanceof TpmError) throw new SealError(`the TPM ${tpm}: ${error.message}`)
      throw error
    }
  }
  return {
    kind: 'tpm2',
    async protect(bytes) {
      const sealed = await using((connection) => sealToPcrs(connection, bytes, pcrs))
      return { sealed: encodeSealedSecret(sealed).toBase64() }
    },
    async reveal({ sealed }) {
      if (typeof sealed !== 'string') throw new SealError('the root key file is damaged')
      return Buffer.from(await using((connection) => unsealFromPcrs(connection, parseSealedSecret(Buffer.from(sealed, 'base64')))))
    },
  }
}

/** `sha256:0,4,7` as a selection of PCRs. Throws an Error that says what is wrong. */
export function readPcrs(text: string): KnownPcrSelection[] {
  const match = /^(sha1|sha256|sha384|sha512):(\d{1,2}(?:,\d{1,2})*)$/.exec(text)
  const indices = (match?.[2] ?? '').split(',').map(Number)
  if (!match || indices.some((index) => index > 23)) throw new Error(`'${text}' is not a bank and its PCRs, such as sha256:0,4,7`)
  return [{ algorithm: match[1] as KnownPcrSelection['algorithm'], indices: [...new Set(indices)] }]
}
