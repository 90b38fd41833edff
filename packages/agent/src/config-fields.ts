// Every field of the configuration file: its name (the original agent's, where it has one), how it is read, its default and what it means.
import { FieldError, anything, flag, handle, list, oneOf, optional, required, shape, text, wholeNumber, withDefault } from './fields.ts'
import type { Reader } from './fields.ts'
import { readCron } from './cron.ts'
import { tpmPlace } from './tpm-place.ts'
import { DEFAULT_DEVICE } from '@vouchsafe/tpm'

const path = text(1, 4096)
const printable: Reader<string> = (value, field) => {
  const name = text(1, 36)(value, field)
  if (!/^[\x20-\x7e]+$/.test(name)) throw new FieldError(field, 'must be printable ASCII')
  return name
}
const oneOrMore =
  <T>(read: Reader<T>, max: number): Reader<readonly T[]> =>
  (value, field) =>
    list(read, 0, max)(Array.isArray(value) ? value : [value], field)

/** Persistent objects (TPM 2.0 Library, Part 2, "Handles"); those above 0x81800000 are the platform's, which `provision` can't make. */
const persistentHandle = handle(0x81000000, 0x81ffffff)
const nvIndex = handle(0x01000000, 0x01d1ffff)

const HASHES = oneOf('sha1', 'sha256', 'sha384', 'sha512')

export const AGENT_FIELDS = {
  listen_enabled: withDefault(flag, true, 'serve the REST API'),
  listen_address: withDefault(text(1, 255), '127.0.0.1', 'address of the REST API'),
  listen_port: withDefault(wholeNumber(0, 65535), 8088, 'its port; 0 lets the system choose'),
  listen_socket: optional(path, "path of a UNIX socket that serves the same API; the folder's permissions protect it"),
  insecure_http: withDefault(flag, false, 'allow a listen_address other than loopback: the API has neither TLS nor authentication'),
  uuid: optional(
    text(1, 255),
    "the node's name in tokens; it must be the common name of the attestation key's certificate, which is the default",
  ),
  user_id: optional(printable, 'the `User-Id` at the server'),
  apikey: optional(text(1, 1024), 'the `API-Key` at the server; preferably use `apikey_path`'),
  apikey_path: optional(path, 'a file that holds the `API-Key`'),
  renew_certificate: withDefault(
    flag,
    true,
    "have the server certify the attestation key when it has no certificate, or when less than a third of the lifetime of the server's certificate is left",
  ),
  ek_cert_path: optional(
    path,
    "the certificate of the TPM's endorsement key, PEM or DER, if the TPM holds none; intermediate CAs may follow",
  ),
  token_fmt: withDefault(oneOf('eat'), 'eat', 'the token format'),
}

export const SERVER_FIELDS = {
  server_url: withDefault(
    text(1, 2048),
    'http://127.0.0.1:9000',
    'address of the attestation service; `https://` unless it is on this machine',
  ),
  insecure_http: withDefault(flag, false, 'allow `http://` to another machine'),
  timeout: withDefault(wholeNumber(1, 600), 60, 'time limit of one call, in seconds'),
  tls: withDefault(
    shape(
      {
        cert_path: optional(path, 'PEM file of the client certificate'),
        key_path: optional(path, 'PEM file of its private key'),
        ca_path: optional(path, "PEM file of the CAs that the server's certificate must come from; those of the system otherwise"),
      },
      'refuse',
    ),
    { cert_path: undefined, key_path: undefined, ca_path: undefined },
    'files for TLS: `cert_path` and `key_path` (the client certificate and its key), `ca_path` (CAs of the server; those of Node otherwise)',
  ),
}

export const LOGGING_FIELDS = {
  level: withDefault(oneOf('error', 'warn', 'info', 'debug'), 'info', 'the lowest level that is logged'),
  file: optional(path, 'the log file; by default standard error'),
}

export const PARAMETER_FIELDS = {
  attester_type: optional(text(1, 255), "the kind of evidence, `tpm_boot` or `tpm_ima`; by default the plugin's name"),
  tcti_config: withDefault(tpmPlace, DEFAULT_DEVICE, 'the TPM: `device`, `device:/dev/tpm0`, `swtpm:host=…,port=…`, `swtpm:path=…`'),
  ak_handle: withDefault(persistentHandle, 0x81010020, 'persistent handle of the attestation key'),
  ak_nv_index: withDefault(nvIndex, 0x150001b, 'NV index of its certificate in DER; what does not fit continues in the next index'),
  ak_cert_path: optional(path, 'a file that holds the certificate instead of the TPM, PEM or DER'),
  ak_certs: optional(
    list(
      shape(
        { cert_type: withDefault(oneOf('aik'), 'aik'), ak_handle: required(persistentHandle), ak_nv_index: required(nvIndex) },
        'refuse',
      ),
      1,
      1,
    ),
    'the later form of `ak_handle` and `ak_nv_index`: a list with one entry',
  ),
  pcr_selections: optional(
    shape({ banks: optional(list(wholeNumber(0, 23), 1, 24)), hash_alg: withDefault(HASHES, 'sha256') }, 'refuse'),
    'the PCRs to quote: `banks`, a list of PCRs (0–7 for `tpm_boot`, 0–10 for `tpm_ima`), and `hash_alg`, their bank (default sha256)',
  ),
  quote_signature_scheme: optional(
    shape(
      {
        signature_algo: optional(oneOf('rsapss', 'rsassa', 'ecdsa')),
        signature_alg: optional(oneOf('rsapss', 'rsassa', 'ecdsa')),
        hash_alg: withDefault(HASHES, 'sha256'),
      },
      'refuse',
    ),
    "the scheme that signs quotes: `signature_algo` (`rsapss`, `rsassa` or `ecdsa`) and `hash_alg`; by default the key's. `provision` makes such a key",
  ),
  log_file_path: optional(path, "the log; by default the kernel's"),
  template_name: optional(anything, 'not needed: each entry names its template'),
}

export const PLUGIN_FIELDS = {
  name: required(text(1, 255), 'any name'),
  path: optional(path, 'not needed: attesters are part of this program'),
  policy_id: withDefault(
    oneOrMore(text(1, 36), 10),
    [] as readonly string[],
    'the policies that decide when a request names none; at most 10',
  ),
  enabled: withDefault(flag, true, 'whether it is used'),
  params: optional(shape(PARAMETER_FIELDS, 'refuse'), 'see below'),
}

export const SCHEDULER_FIELDS = {
  name: required(oneOf('challenge', 'config_sync'), '`challenge`: attest; `config_sync` is accepted and does nothing'),
  enabled: withDefault(flag, true, 'whether it runs'),
  intervals: withDefault(wholeNumber(1, 31_536_000), 3600, 'seconds between attestations'),
  cron_expression: optional(readCron, 'alternatively, five fields of cron(8), or six with seconds first; UTC'),
  initial_delay: withDefault(
    shape({ min: withDefault(wholeNumber(0, 86_400), 1), max: withDefault(wholeNumber(0, 86_400), 60) }, 'refuse'),
    { min: 1, max: 60 },
    'seconds to wait at start: a random number from `min` to `max`',
  ),
  retry_enabled: withDefault(flag, true, 'try again when an attestation fails'),
  max_retries: withDefault(wholeNumber(0, 100), 5, 'how often to retry, with growing pauses of up to five minutes'),
}

/** The sections of the file. */
export const CONFIG = shape(
  {
    agent: optional(shape(AGENT_FIELDS, 'refuse')),
    server: optional(shape(SERVER_FIELDS, 'refuse')),
    logging: optional(shape(LOGGING_FIELDS, 'refuse')),
    plugins: optional(list(shape(PLUGIN_FIELDS, 'refuse'), 0, 16)),
    schedulers: optional(list(shape(SCHEDULER_FIELDS, 'refuse'), 0, 8)),
  },
  'refuse',
)
