/** What a TLS listener needs, read from files: at start-up, and again when the server is told to reload. */
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type CommonConnectionOptions, type SecureContextOptions } from 'node:tls'
import { ConfigError } from '../config/index.ts'

export interface TlsFiles {
  cert: string
  key: string
  /** Certificates of authorities: clients may show a certificate that one of them has issued, and must if `requireClient`. */
  clientCa?: string | undefined
  requireClient?: boolean
}

/** Up to its end marker, or to the end of the file if that is missing. */
const PEM_CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^]*?(?:-----END [A-Z0-9 ]*CERTIFICATE-----|$)/g

export type TlsOptions = SecureContextOptions & Pick<CommonConnectionOptions, 'requestCert' | 'rejectUnauthorized'>

/**
 * TLS options: 1.2 and 1.3 only. Everything is tested here, so that a listener never gets unusable files.
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
      ...(clientCa === undefined ? {} : { ca: readAuthorities(clientCa), requestCert: true, rejectUnauthorized: requireClient }),
    }
    createSecureContext(options)
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey)))
      throw new Error(`${key} is not the key of the certificate in ${cert}`)
    return options
  } catch (error) {
    throw new ConfigError(`tls-cert, tls-key${clientCa === undefined ? '' : ', tls-client-ca'}: ${(error as Error).message}`)
  }
}

/** All certificates of a PEM file, each parsed here: TLS silently ignores a certificate that it cannot parse and all after it. */
function readAuthorities(path: string): string[] {
  const pems = readFileSync(path, 'latin1').match(PEM_CERTIFICATE) ?? []
  if (pems.length === 0) throw new Error(`${path} holds no certificate`)
  for (const pem of pems) {
    try {
      new X509Certificate(pem)
    } catch {
      throw new Error(`${path} holds a certificate that cannot be read`)
    }
  }
  return pems
}
