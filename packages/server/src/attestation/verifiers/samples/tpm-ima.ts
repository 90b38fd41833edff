import type { PolicyInput } from '../verifier.ts'

const PCR_10 = '06115bb432d4d05ac6cc0797cbc922e2a81f7f06973de1c4a9c5fcc0d6ca0ea5'

/** What a policy sees of a host whose IMA log replays to PCR 10 and whose files are all among the reference values. */
export const TPM_IMA_SAMPLE: PolicyInput = {
  evidence: {
    logs: [
      {
        log_type: 'ImaLog',
        is_log_valid: true,
        log_status: 'replay_success',
        ref_value_match_status: 'matched',
        log_data: {
          logs: [
            entry(
              'boot_aggregate',
              '548e750b9cadc2a9336fcb9bcb3362d1b951a8d7310081aa200d277e196c4f0b',
              'f73e8b0e29873f04e0f1435a90cd8fa20b5e6d980300053dbd51c260e7e8d266',
            ),
            entry(
              '/usr/lib/systemd/systemd',
              'e0031c189e34e10d9c202fa8d75f72d3296a239164fe6b07e7dc206c7b723d98',
              '5c7f14844ca68e081493b9c71ccad392b28f267693ca0837a9cadd22a956204f',
            ),
            entry(
              '/usr/bin/kmod',
              '43908ec50e3d1107c06035715db493e61e1f903ace33144190d01ffc48e00971',
              'b7c6ca817babebd7d8d58bfd94aa806db3a9065f35e33e7af59d6bc0a80bcfc2',
            ),
          ],
        },
      },
    ],
    pcrs: {
      hash_alg: 'sha256',
      pcr_values: [{ pcr_index: 10, pcr_value: PCR_10, replay_value: PCR_10, is_matched: true }],
    },
  },
}

function entry(path: string, fileHash: string, templateHash: string): object {
  return {
    pcr_index: 10,
    template_hash: templateHash,
    template_name: 'ima-ng',
    file_hash_alg: 'sha256',
    file_hash: fileHash,
    file_path: path,
    ref_value_matched: true,
  }
}
