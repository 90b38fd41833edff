import { parseImaLog, replayImaLog } from '@vouchsafe/tpm'
import { collectTpmEvidence } from '../tpm-evidence.ts'
import type { Attester } from './attester.ts'

/** 100,000 entries, which the server takes at most, with long names. */
const MAX_LOG_BYTES = 64 * 1024 * 1024
const IMA_PCR = 10

/**
 * Files as they are used: a quote of PCR 10 and the kernel's log of runtime measurements. PCRs 0–9 are quoted along, since the log begins with their aggregate. The log goes on growing, so what was measured after the quote is cut
 * off: the PCR's value says after which entry that is.
 */
export const tpmIma: Attester = {
  type: 'tpm_ima',
  defaults: { pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, IMA_PCR], logPath: '/sys/kernel/security/ima/ascii_runtime_measurements' },
  logLimit: MAX_LOG_BYTES,
  agreement({ bytes, whole }, pcrs, algorithm) {
    const { entries, end } = parseImaLog(bytes)
    // Entries are views on the bytes, which are cut at a whole entry.
    const logged = new Map([...pcrs].filter(([index]) => index === IMA_PCR || entries.some(({ pcr }) => pcr === index)))
    const { authenticated, state } = replayImaLog(entries, { algorithm, expected: logged })
    if (logged.size > 0 && authenticated !== undefined && state !== undefined)
      return { bytes: bytes.subarray(0, state.offset), problem: undefined }
    const problem = whole
      ? `no number of its ${entries.length} entries leads to the quoted PCRs`
      : `the first ${MAX_LOG_BYTES} bytes do not lead to them`
    return { bytes: bytes.subarray(0, end), problem: `the log does not agree with the quote: ${problem}` }
  },
  collect: (request) => collectTpmEvidence(tpmIma, 'ImaLog', request),
}
