/** What a TLS listener needs, read from files: at the start, and again when the server is told to reload. */
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { ConfigError } from '../config.ts'

export interface TlsFiles {
  cert: string
  key: string
  /** Certificates of authorities, one of which must have issued a client's; without it clients show none. */
  clientCa?: string | undefined
}

/**
 * TLS options: 1.2 and 1.3 only. Everything is tried out here, so that a listener never gets what it can't use.
 * @throws {ConfigError} naming the file
 */
export function readTlsFiles({ cert, key, clientCa }: TlsFiles): SecureContextOptions {
  try {
    const certificate = readFileSync(cert)
    const privateKey = readFileSync(key)
    const options: SecureContextOptions = {
      cert: certificate,
      key: privateKey,
      minVersion: 'TLSv1.2',
      ...(clientCa === undefined ? {} : { ca: readFileSync(clientCa) }),
    }
    createSecureContext(options)
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey)))
      throw new Error(`${key} is not the key of the certificate in ${cert}`)
    return options
  } catch (error) {
    throw new ConfigError(`tls-cert, tls-key${clientCa === undefined ? '' : ', tls-client-ca'}: ${(error as Error).message}`)
  }
}
