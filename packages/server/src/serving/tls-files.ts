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
  /** CRLs: if given, there must be one of every CA on a client's path, and a certificate in one of them does not count. */
  clientCrl?: string | undefined
  requireClient?: boolean
}

/** Up to its end marker, or to the end of the file if that is missing. */
const PEM_CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^]*?(?:-----END [A-Z0-9 ]*CERTIFICATE-----|$)/g
const PEM_CRL = /-----BEGIN X509 CRL-----[^]*?(?:-----END X509 CRL-----|$)/g

export type TlsOptions = SecureContextOptions & Pick<CommonConnectionOptions, 'requestCert' | 'rejectUnauthorized'>

/**
 * TLS options: 1.2 and 1.3 only. Everything is tested here, so that a listener never gets unusable files.
 * @throws {ConfigError} naming the file
 */
export function readTlsFiles({ cert, key, clientCa, clientCrl, requireClient = false }: TlsFiles): TlsOptions {
  try {
    const certificate = readFileSync(cert)
    const privateKey = readFileSync(key)
    const options: TlsOptions = {
      cert: certificate,
      key: privateKey,
      minVersion: 'TLSv1.2',
      ...(clientCa === undefined ? {} : { ca: readAuthorities(clientCa), requestCert: true, rejectUnauthorized: requireClient }),
      ...(clientCa === undefined || clientCrl === undefined ? {} : { crl: readLists(clientCrl) }),
    }
    createSecureContext(options)
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey)))
      throw new Error(`${key} is not the key of the certificate in ${cert}`)
    return options
  } catch (error) {
    const names = ['tls-cert, tls-key', clientCa && 'tls-client-ca', clientCrl && 'tls-client-crl'].filter(Boolean).join(', ')
    throw new ConfigError(`${names}: ${(error as Error).message}`)
  }
}

/** All CRLs of a PEM file; TLS itself would pass over one that it cannot parse. */
function readLists(path: string): string[] {
  const pems = readFileSync(path, 'latin1').match(PEM_CRL) ?? []
  if (pems.length === 0) throw new Error(`${path} holds no CRL`)
  for (const pem of pems) {
    try {
      createSecureContext({ crl: pem })
    } catch {
      throw new Error(`${path} holds a CRL that cannot be read`)
    }
  }
  return pems
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
