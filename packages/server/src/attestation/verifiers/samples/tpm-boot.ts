import type { PolicyInput } from '../verifier.ts'

const EFI_GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
const ZEROS = '0'.repeat(64)

/** What a policy sees of a UEFI host with secure boot whose log replays to its PCRs. */
export const TPM_BOOT_SAMPLE: PolicyInput = {
  evidence: {
    logs: [
      {
        log_type: 'TcgEventLog',
        is_log_valid: true,
        log_status: 'replay_success',
        ref_value_match_status: 'ignore',
        log_data: [
          {
            event_number: 0,
            pcr_index: 0,
            event_type: 'EV_NO_ACTION',
            digest: '0'.repeat(40),
            authenticated: true,
            digest_covers_data: true,
            event: {
              spec_id: {
                signature: 'Spec ID Event03',
                platform_class: 0,
                family_minor: 0,
                family_major: 2,
                spec_version: '2.0.0',
                uintn_size: 2,
                algorithm_count: 1,
                digest_algorithms: [{ algorithm_id: 'sha256', digest_size: 32 }],
                vendor_info_size: 0,
              },
            },
          },
          record(1, 0, 'EV_NO_ACTION', ZEROS, { startup_locality: { signature: 'StartupLocality', locality: 3 } }),
          record(2, 0, 'EV_S_CRTM_VERSION', '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7', { value: '0000' }),
          record(3, 7, 'EV_EFI_VARIABLE_DRIVER_CONFIG', 'ccfc4bb32888a345bc8aeadaba552b627d99348c767681ab3141f5b01e40a40e', {
            variable_name: EFI_GLOBAL_VARIABLE,
            unicode_name: 'SecureBoot',
            variable_data: { enabled: 'Yes' },
          }),
          ...[0, 1, 2, 3, 4, 5, 6, 7].map((pcr, i) =>
            record(4 + i, pcr, 'EV_SEPARATOR', 'df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119', { value: '00000000' }),
          ),
          record(12, 4, 'EV_EFI_ACTION', '3d6772b4f84ed47595d72a2c4c5ffd15f5bb72c7507fe26f2aaee2c69d5633ba', {
            value: 'Calling EFI Application from Boot Option',
          }),
        ],
      },
    ],
    pcrs: {
      hash_alg: 'sha256',
      pcr_values: [
        [0, 'b41406656cbc5cc6c36578243ed1b21a521fe91b25d1cd2c94e9218890373541'],
        [1, '3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969'],
        [2, '3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969'],
        [3, '3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969'],
        [4, 'dd50c8da0f899f655b4305d2438663c1b3da6d1922a0c8226533ac417abcd523'],
        [5, '3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969'],
        [6, '3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969'],
        [7, '3a765fab0c4555e805964d8c75231894f45c5a6f2161738cf157015250a3e624'],
      ].map(([index, value]) => ({ pcr_index: index, pcr_value: value, replay_value: value, is_matched: true })),
    },
  },
}

function record(number: number, pcr: number, type: string, digest: string, event: object): object {
  return {
    event_number: number,
    pcr_index: pcr,
    event_type: type,
    digest: { hash_id: 'sha256', digest },
    authenticated: true,
    digest_covers_data: true,
    event,
  }
}
