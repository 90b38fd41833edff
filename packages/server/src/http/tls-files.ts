/** What a TLS listener needs, read from files: at the start, and again when the server is told to reload. */
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type CommonConnectionOptions, type SecureContextOptions } from 'node:tls'
import { ConfigError } from '../config.ts'

export interface TlsFiles {
  cert: string
  key: string
  /** Certificates of authorities: clients may show a certificate that one of them has issued, and must if `requireClient`. */
  clientCa?: string | undefined
  requireClient?: boolean
}

export type TlsOptions = SecureContextOptions & Pick<CommonConnectionOptions, 'requestCert' | 'rejectUnauthorized'>

/**
 * TLS options: 1.2 and 1.3 only. Everything is tried out here, so that a listener never gets what it can't use.
 * @throws {ConfigError} naming the file
 */
export function readTlsFiles({ cert, key, clientCa, requireClient = false }: TlsFiles): TlsOptions {
  try {
    const certificate = readFileSync(cert)
    const privateKey = readFileSync(key)
    const options: TlsOptions = {
      cert: certificate,
      key: privateKey,
      minVersion: 'TLSv1.2',
      ...(clientCa === undefined ? {} : { ca: readFileSync(clientCa), requestCert: true, rejectUnauthorized: requireClient }),
    }
    createSecureContext(options)
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey)))
      throw new Error(`${key} is not the key of the certificate in ${cert}`)
    return options
  } catch (error) {
    throw new ConfigError(`tls-cert, tls-key${clientCa === undefined ? '' : ', tls-client-ca'}: ${(error as Error).message}`)
  }
}
