import { MARK_IN_TPM, type Config } from '../config/index.ts'
import { FileMark, NvCounter, TpmMark, type Mark } from '../trail/index.ts'
import type { TpmMarkServices } from '../trail/index.ts'

/** The mark that the configuration names, if it names one. */
export function configuredMark(config: Pick<Config, 'mark' | 'tpm'>, services: Omit<TpmMarkServices, 'counter'>): Mark | undefined {
  return tpmMark(config, services) ?? (config.mark === undefined ? undefined : new FileMark(config.mark))
}

/** The mark in the store, under a counter of the TPM, if the configuration has it there. */
export function tpmMark({ mark, tpm }: Pick<Config, 'mark' | 'tpm'>, services: Omit<TpmMarkServices, 'counter'>): TpmMark | undefined {
  const index = mark === undefined ? undefined : MARK_IN_TPM.exec(mark)?.[1]
  return index === undefined ? undefined : new TpmMark({ ...services, counter: new NvCounter(tpm, Number.parseInt(index, 16)) })
}
