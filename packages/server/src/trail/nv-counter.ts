/** A counter in a TPM's non-volatile memory: it only grows, also when its index is removed and defined again (TPM 2.0 Library, Part 1, "NV counters"). */
import { TpmError, TpmResponseError, createEk, openTpm, tpm2, type Tpm } from '@vouchsafe/tpm'
import { sha256 } from '../foundation/index.ts'
import { MarkError } from './mark.ts'

/** More time than a TPM needs for these commands; a start should not hang for minutes. */
const TIMEOUT_MS = 30_000

export interface Counter {
  /** For messages. */
  readonly name: string
  /** Names this counter of this TPM: the same in each process, and for each TPM another. */
  id(): Promise<string>
  /** Undefined if there is none, or none that was ever raised. */
  read(): Promise<number | undefined>
  /** Adds one, or makes the counter; returns its new value. */
  raise(): Promise<number>
}

/** An index's number, as `--mark tpm:0x01800001` has it. */
export function nvIndexText(index: number): string {
  return `0x${index.toString(16).padStart(8, '0')}`
}

/**
 * The counter with this index. Whoever may use the TPM may raise it; its index's authorization value is empty, so that no hierarchy's is needed
 * once it is defined.
 * @param tpm the TPM's address, as openTpm takes it
 */
export class NvCounter implements Counter {
  readonly name: string
  readonly #tpm: string
  readonly #index: number
  #id: string | undefined

  constructor(tpm: string, index: number) {
    this.#tpm = tpm
    this.#index = index
    this.name = `the TPM's counter ${nvIndexText(index)}`
  }

  async id(): Promise<string> {
    // The endorsement key is the TPM's own: it stays when the TPM is cleared, with which the counter is gone.
    this.#id ??= await this.#using(async (tpm) => {
      const { name } = await tpm.exclusive((own) => createEk(own, 'ecc'))
      return `${Buffer.from(sha256(name)).toString('hex')}/${nvIndexText(this.#index)}`
    })
    return this.#id
  }

  read(): Promise<number | undefined> {
    return this.#using((tpm) => this.#read(tpm))
  }

  raise(): Promise<number> {
    return this.#using(async (tpm) => {
      if (!(await tpm2.getHandles(tpm, 'nv')).includes(this.#index)) await this.#define(tpm)
      await tpm2.nvIncrement(tpm, this.#index)
      return tpm2.nvReadCounter(tpm, this.#index)
    })
  }

  async #read(tpm: Tpm): Promise<number | undefined> {
    if (!(await tpm2.getHandles(tpm, 'nv')).includes(this.#index)) return undefined
    try {
      return await tpm2.nvReadCounter(tpm, this.#index)
    } catch (error) {
      if (error instanceof TpmResponseError && error.codeName === 'TPM_RC_NV_UNINITIALIZED') return undefined
      throw error
    }
  }

  async #define(tpm: Tpm): Promise<void> {
    await tpm2.nvDefineSpace(tpm, {
      nvPublic: {
        index: this.#index,
        nameAlg: 'sha256',
        nvType: 'counter',
        attributes: ['authRead', 'authWrite', 'ownerRead', 'noDA'],
        authPolicy: new Uint8Array(),
        dataSize: 8,
      },
    })
  }

  async #using<T>(work: (tpm: Tpm) => Promise<T>): Promise<T> {
    try {
      await using connection = await openTpm(this.#tpm, { timeout: TIMEOUT_MS })
      return await work(connection)
    } catch (error) {
      if (error instanceof TpmError) throw new MarkError(`${this.name}: ${error.message}`)
      throw error
    }
  }
}
