// A machine to attest: an emulated TPM whose PCRs are extended as a firmware and a kernel would, with the logs that go with it.
import { createHash, randomUUID } from 'node:crypto'
import { appendFile, writeFile } from 'node:fs/promises'
import { openTpm, tpm2 } from '@vouchsafe/tpm'
import type { PrimaryKind } from '@vouchsafe/tpm'
import { createEk, publicAreaKey, EK_CERTIFICATE_INDICES } from '@vouchsafe/tpm'
import { EKU, createSelfSignedCa, issueCertificate, toPem } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import type { KeyObject } from 'node:crypto'
import { stringify } from 'yaml'
import { bootLog } from './boot-log.ts'
import type { BootOptions } from './boot-log.ts'
import { templateData, writeImaLog } from './ima-log-writer.ts'
import type { Measurement } from './ima-log-writer.ts'
import { startSwtpm } from './swtpm.ts'
import type { Swtpm } from './swtpm.ts'

export interface TestHost extends AsyncDisposable {
  readonly swtpm: Swtpm
  readonly bootLogPath: string
  readonly imaLogPath: string
  /** Extends the PCRs of a boot, and writes its logs; at the start, and again after `swtpm.reset()`. */
  boot(options?: BootOptions): Promise<void>
  /** Measures files as IMA does: into the log, then into PCR 10. */
  measure(paths: readonly string[]): Promise<void>
  /** Extends a PCR without a log. */
  extend(pcr: number): Promise<void>
  /** A configuration file; what is given replaces sections or members of sections. */
  config(changes?: ConfigChanges): Promise<string>
}

export interface ConfigChanges {
  agent?: object
  server?: object
  plugins?: object[]
  schedulers?: object[]
  logging?: object
}

const sha = (algorithm: string, data: Uint8Array) => createHash(algorithm).update(data).digest()

export async function startHost(): Promise<TestHost> {
  const swtpm = await startSwtpm()
  const bootLogPath = swtpm.path('binary_bios_measurements')
  const imaLogPath = swtpm.path('ascii_runtime_measurements')

  async function measureAll(measurements: readonly Measurement[]): Promise<void> {
    // As the kernel does: first the list, then the PCR.
    await appendFile(imaLogPath, writeImaLog(measurements, { format: 'ascii' }))
    await using tpm = await openTpm(swtpm.address)
    for (const measurement of measurements) {
      const data = templateData(measurement)
      await tpm2.pcrExtend(tpm, 10, { sha1: sha('sha1', data), sha256: sha('sha256', data) })
    }
  }

  const host: TestHost = {
    swtpm,
    bootLogPath,
    imaLogPath,
    async boot(options = {}) {
      const log = bootLog({ banks: ['sha1', 'sha256'], ...options })
      await writeFile(bootLogPath, log.bytes())
      await writeFile(imaLogPath, '')
      const pcrs = await (async () => {
        await using tpm = await openTpm(swtpm.address)
        for (const { pcr, digests } of log.extensions) await tpm2.pcrExtend(tpm, pcr, digests)
        const [bank] = await tpm2.pcrRead(tpm, [{ algorithm: 'sha256', indices: Array.from({ length: 10 }, (_, index) => index) }])
        return [...bank!.values].sort(([a], [b]) => a - b).map(([, value]) => value)
      })()
      await measureAll([{ path: 'boot_aggregate', digest: sha('sha256', Buffer.concat(pcrs)) }])
    },
    measure: (paths) => measureAll(paths.map((path) => ({ path }))),
    async extend(pcr) {
      await using tpm = await openTpm(swtpm.address)
      await tpm2.pcrExtend(tpm, pcr, { sha256: sha('sha256', Buffer.from('moved')) })
    },
    async config({ agent = {}, server = {}, plugins, schedulers = [], logging = {} } = {}) {
      const file = swtpm.path(`config-${randomUUID()}.yaml`)
      const tpm = { tcti_config: swtpm.address }
      const content = {
        agent: { listen_port: 0, renew_certificate: false, ...agent },
        server,
        logging: { level: 'warn', ...logging },
        plugins: plugins ?? [
          { name: 'tpm_boot', params: { ...tpm, log_file_path: bootLogPath } },
          { name: 'tpm_ima', params: { ...tpm, log_file_path: imaLogPath } },
        ],
        schedulers,
      }
      await writeFile(file, stringify(content))
      return file
    },
    [Symbol.asyncDispose]: () => swtpm.stop(),
  }
  await host.boot()
  await host.measure(['/usr/bin/bash', '/usr/bin/env', '/usr/lib/x86_64-linux-gnu/libc.so.6'])
  return host
}

export interface TestCa {
  certificate: Certificate
  key: KeyObject
  pem: string
  certificatePath: string
  keyPath: string
}

/** A CA in files of the host's folder. */
export async function makeCa(swtpm: Swtpm, name = 'Test AK CA'): Promise<TestCa> {
  const now = Date.now()
  const { certificate, privateKey } = await createSelfSignedCa({
    subject: `CN=${name}`,
    notBefore: new Date(now - 86_400_000),
    notAfter: new Date(now + 100 * 86_400_000),
  })
  const id = randomUUID()
  const ca = {
    certificate,
    key: privateKey,
    pem: toPem('CERTIFICATE', certificate.der),
    certificatePath: swtpm.path(`${id}.pem`),
    keyPath: swtpm.path(`${id}.key`),
  }
  await writeFile(ca.certificatePath, ca.pem)
  await writeFile(ca.keyPath, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  return ca
}

/** Certifies the endorsement key as a manufacturer would, and keeps the certificate in the TPM; gives it as PEM. */
export async function certifyEndorsementKey(swtpm: Swtpm, ca: TestCa, kind: PrimaryKind = 'ecc'): Promise<string> {
  await using connection = await openTpm(swtpm.address)
  return await connection.exclusive(async (tpm) => {
    const ek = await createEk(tpm, kind)
    const { der } = await issueCertificate({
      subject: '',
      issuer: ca.certificate,
      signer: ca.key,
      publicKey: publicAreaKey(ek.publicArea),
      notBefore: new Date(Date.now() - 86_400_000),
      notAfter: new Date(Date.now() + 50 * 86_400_000),
      basicConstraints: { ca: false },
      keyUsage: [kind === 'rsa' ? 'keyEncipherment' : 'keyAgreement'],
      extendedKeyUsage: [EKU.tcgEkCertificate],
    })
    const index = EK_CERTIFICATE_INDICES[kind]
    await tpm2.nvDefineSpace(tpm, {
      nvPublic: {
        index,
        nameAlg: 'sha256',
        nvType: 'ordinary',
        attributes: ['ownerWrite', 'ownerRead', 'authRead', 'noDA'],
        authPolicy: new Uint8Array(0),
        dataSize: der.length,
      },
    })
    await tpm2.nvWrite(tpm, index, der, { by: 'owner' })
    return toPem('CERTIFICATE', der)
  })
}
