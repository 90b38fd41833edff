import { parseEventLog, replay } from '@vouchsafe/tpm'
import { collectTpmEvidence } from '../tpm-evidence.ts'
import type { Attester } from './attester.ts'

/** What the server takes of a boot log. */
const MAX_LOG_BYTES = 5 * 1024 * 1024

/** Measured boot: a quote of the firmware's PCRs and the boot event log (TCG PC Client Platform Firmware Profile). */
export const tpmBoot: Attester = {
  type: 'tpm_boot',
  defaults: { pcrs: [0, 1, 2, 3, 4, 5, 6, 7], logPath: '/sys/kernel/security/tpm0/binary_bios_measurements' },
  logLimit: MAX_LOG_BYTES,
  agreement({ bytes, whole }, pcrs, algorithm) {
    if (!whole) return { bytes, problem: `the log is longer than ${MAX_LOG_BYTES} bytes` }
    const replayed = replay(parseEventLog(bytes), algorithm)
    const wrong = [...pcrs].flatMap(([index, value]) => {
      const found = replayed.get(index)
      return found !== undefined && Buffer.compare(found.value, value) === 0 ? [] : [index]
    })
    return { bytes, problem: wrong.length === 0 ? undefined : `the log does not replay to the values of PCR ${wrong.join(', ')}` }
  },
  collect: (request) => collectTpmEvidence(tpmBoot, 'TcgEventLog', request),
}
