import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, readConfig } from '../src/config.ts'

const read = (text: string) => readConfig(text, 'agent.yaml')

/** The configuration that the original agent ships, as its users have it. */
const ORIGINAL = `
agent:
 listen_enabled: true
 listen_address: "127.0.0.1"
 listen_port: 8088
 uuid: "a4e7c719-6b05-4ac6-b95a-7e71a9d6f9d5"
 user_id: "test_01"
 token_fmt: "eat"
server:
 server_url: "http://127.0.0.1:8080"
 tls:
  cert_path: "/path/to/cert.pem"
  key_path: "/path/to/key.pem"
  ca_path: "/path/to/ca.pem"
logging:
  level: "info"
  file: "/var/log/agent.log"
plugins:
  - name: "tpm_boot"
    path: "/usr/lib64/libtpm_boot_attester.so"
    policy_id: []
    enabled: true
    params:
      attester_type: "tpm_boot"
      tcti_config: "device" # options: device, mssim, swtpm, tabrmd, libtpm
      ak_handle: 0x81010020
      ak_nv_index: 0x150001b
      pcr_selections:
        banks: [0, 1, 2, 3, 4, 5, 6, 7]
        hash_alg: "sha256"
      quote_signature_scheme:
        signature_alg: "rsapss"
        hash_alg: "sha256"
      log_file_path: "/sys/kernel/security/tpm0/binary_bios_measurements"
  - name: "tpm_ima"
    path: "/usr/lib64/libtpm_ima_attester.so"
    policy_id: ["p1"]
    enabled: false
    params:
      attester_type: "tpm_ima"
      tcti_config: "device"
      ak_certs:
        - cert_type: "aik"
          ak_handle: 0x81010020
          ak_nv_index: 0x150001b
      pcr_selections:
        banks: [10]
        hash_alg: "sha256"
      log_file_path: "/sys/kernel/security/ima/ascii_runtime_measurements"
      template_name: "ima-ng"
schedulers:
  - name: "challenge"
    retry_enabled: true
    cron_expression: "0 0 0 * * *"
    initial_delay:
      min: 1
      max: 60
    max_retries: 3
    enabled: true
  - name: "config_sync"
    enabled: false
`

test("the original agent's configuration is read as it is", () => {
  const config = read(ORIGINAL)
  assert.deepEqual(config.listen, { address: '127.0.0.1', port: 8088 })
  assert.equal(config.nodeId, 'a4e7c719-6b05-4ac6-b95a-7e71a9d6f9d5')
  assert.deepEqual(
    [config.server.url.href, config.server.userId, config.server.caPath],
    ['http://127.0.0.1:8080/', 'test_01', '/path/to/ca.pem'],
  )
  const [boot, ...others] = config.attesters
  assert.equal(others.length, 0)
  assert.equal(boot!.attester.type, 'tpm_boot')
  assert.deepEqual(boot!.settings, {
    tpm: '/dev/tpmrm0',
    akHandle: 0x81010020,
    certificate: { nvIndex: 0x150001b },
    pcrs: { algorithm: 'sha256', indices: [0, 1, 2, 3, 4, 5, 6, 7] },
    scheme: { scheme: 'rsapss', hash: 'sha256' },
    logPath: '/sys/kernel/security/tpm0/binary_bios_measurements',
  })
  assert.deepEqual([config.schedule?.maxRetries, config.schedule?.initialDelay], [3, { min: 1000, max: 60_000 }])
  assert.equal(config.schedule?.cron?.next(Date.UTC(2026, 0, 1, 12)), Date.UTC(2026, 0, 2))
})

test('an empty file means both attesters, an hourly attestation and a listener on loopback', () => {
  const config = read('')
  assert.deepEqual(
    config.attesters.map(({ attester, settings }) => [attester.type, settings.logPath]),
    [
      ['tpm_boot', '/sys/kernel/security/tpm0/binary_bios_measurements'],
      ['tpm_ima', '/sys/kernel/security/ima/ascii_runtime_measurements'],
    ],
  )
  assert.deepEqual([config.listen, config.schedule?.interval, config.nodeId], [{ address: '127.0.0.1', port: 8088 }, 3_600_000, undefined])
})

test('a TPM may be named as in the original and as on the command line of vouchsafe', () => {
  const tpm = (text: string) => read(`plugins: [{name: tpm_boot, params: {tcti_config: '${text}'}}]`).attesters[0]!.settings.tpm
  for (const [given, expected] of [
    ['device', '/dev/tpmrm0'],
    ['device:/dev/tpm0', '/dev/tpm0'],
    ['/dev/tpm1', '/dev/tpm1'],
    ['swtpm', 'swtpm:127.0.0.1:2321'],
    ['swtpm:host=localhost,port=2400', 'swtpm:localhost:2400'],
    ['swtpm:path=/run/swtpm', 'swtpm:/run/swtpm'],
    ['swtpm:localhost:2400', 'swtpm:localhost:2400'],
    ['swtpm:/run/swtpm', 'swtpm:/run/swtpm'],
  ])
    assert.equal(tpm(given!), expected)
})

const WRONG: [yaml: string, message: RegExp][] = [
  ['agent: {listen_prot: 1}', /agent\.listen_prot: there is no such field; the fields are listen_enabled, /],
  ['nothing: {}', /^agent\.yaml: nothing: there is no such field; the fields are agent, server, logging, plugins, schedulers/],
  ['- a', /must be a mapping of fields/],
  ['agent: {listen_port: 70000}', /agent\.listen_port: must be a whole number from 0 to 65535/],
  ['agent: {listen_address: 0.0.0.0}', /agent\.listen_address: 0\.0\.0\.0 is not a loopback address, and the API has no authentication/],
  ['agent: {listen_address: host.example, insecure_http: true}', /agent\.listen_address: must be an IP address or localhost/],
  ['agent: {user_id: "ü"}', /agent\.user_id: must be printable ASCII/],
  ['agent: {apikey: a, apikey_path: b}', /agent\.apikey: cannot be combined with apikey_path/],
  ['agent: {token_fmt: ear}', /agent\.token_fmt: must be one of eat/],
  ['server: {server_url: "ftp://x"}', /server\.server_url: must be an http/],
  ['server: {server_url: "http://kms.example"}', /server\.server_url: http:\/\/ to another machine exposes the API key/],
  ['server: {server_url: "https://u:p@kms.example"}', /server\.server_url: must be an address, with at most a path/],
  ['server: {tls: {cert_path: a}}', /server\.tls\.cert_path: requires key_path/],
  ['plugins: [{name: sgx}]', /plugins\[0\]\.name: there is no attester 'sgx'; there are tpm_boot, tpm_ima/],
  ['plugins: [{name: x, params: {attester_type: y}}]', /plugins\[0\]\.params\.attester_type: there is no attester 'y'/],
  ['plugins: [{name: tpm_boot}, {name: again, params: {attester_type: tpm_boot}}]', /plugins\[1\]: is a second attester of type tpm_boot/],
  [
    'plugins: [{name: tpm_boot, params: {ak_handle: 0x80000000}}]',
    /plugins\[0\]\.params\.ak_handle: must be a number from 0x81000000 to 0x81ffffff/,
  ],
  ['plugins: [{name: tpm_boot, params: {tcti_config: tabrmd}}]', /tcti_config: tabrmd is not supported: use device/],
  ['plugins: [{name: tpm_boot, params: {tcti_config: "swtpm:nowhere"}}]', /tcti_config: TPM address: 'swtpm:nowhere' is neither/],
  [
    'plugins: [{name: tpm_boot, params: {pcr_selections: {banks: [24]}}}]',
    /pcr_selections\.banks\[0\]: must be a whole number from 0 to 23/,
  ],
  [
    'plugins: [{name: tpm_boot, params: {quote_signature_scheme: {hash_alg: sha256}}}]',
    /quote_signature_scheme\.signature_algo: is missing/,
  ],
  [`plugins: [{name: tpm_boot, policy_id: [${'a,'.repeat(11)}]}]`, /plugins\[0\]\.policy_id: must be a list of 0 to 10/],
  ['schedulers: [{name: challenge, cron_expression: "0 0 30 2 *"}]', /schedulers\[0\]\.cron_expression: never matches/],
  ['schedulers: [{name: challenge, initial_delay: {min: 9, max: 1}}]', /schedulers\.initial_delay: min is more than max/],
  ['schedulers: [{name: other}]', /schedulers\[0\]\.name: must be one of challenge, config_sync/],
  ['agent: [', /^agent\.yaml: /],
]

test('what can not be used is refused with the field and what it must be', () => {
  for (const [yaml, message] of WRONG)
    assert.throws(
      () => read(yaml),
      (error) => error instanceof ConfigError && message.test(error.message),
      yaml,
    )
})
