import { pino, type DestinationStream } from 'pino'
import type { Log } from '../foundation/index.ts'

/**
 * What must never reach a log, whatever object is logged: payloads, plaintexts, secrets, signatures and keys. Nothing logs them on purpose;
 * this is the second line of defence.
 */
export const REDACTED_FIELDS = [
  'api-key',
  'apiKey',
  'apikey',
  'authorization',
  'body',
  'ciphertext',
  'key_material',
  'importToken',
  'material',
  'passphrase',
  'password',
  'payload',
  'pem',
  'plaintext',
  'secret',
  'sealPassphrase',
  'secretData',
  'sign',
  'signature',
  'token',
  'x-vouchsafe-signature',
]

/** A JSON log on standard error (or `destination`), with the sensitive fields taken out at three depths. */
export function createLog(level: string, destination: DestinationStream = pino.destination({ dest: 2, sync: true })): Log {
  const paths = REDACTED_FIELDS.map((field) => `["${field}"]`)
  return pino(
    {
      level,
      base: null,
      messageKey: 'msg',
      redact: { paths: [...paths, ...paths.map((path) => `*${path}`), ...paths.map((path) => `*.*${path}`)], remove: true },
    },
    destination,
  )
}
