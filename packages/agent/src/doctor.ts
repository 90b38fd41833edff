// Looks at everything that an attestation needs, and says of each what is wrong and what to do about it.
import { activePcrBanks, openTpm, readTpmInfo, tpm2 } from '@vouchsafe/tpm'
import type { Tpm } from '@vouchsafe/tpm'
import { attributeOf } from '@vouchsafe/x509'
import { certificateProblem, handleText, placeOf, readAk } from './attestation-key.ts'
import type { TpmSettings } from './attesters/attester.ts'
import { readCertificate } from './certificate-store.ts'
import type { Config, EnabledAttester } from './config.ts'
import { messageOf } from './errors.ts'
import { readLog } from './log-file.ts'
import { distinctKeys } from './provision/provision.ts'
import { isOfServer } from './provision/server-certifier.ts'
import { RENEWAL_SHARE } from './renewal.ts'
import type { ServerClient } from './server-client.ts'
import { selectionOf } from './tpm-evidence.ts'

export interface Finding {
  name: string
  state: 'ok' | 'warning' | 'failed'
  /** What was found. */
  found: string
  /** What to do about it, where something is to be done. */
  advice?: string
}

/** A nonce is valid for two minutes, and may be a minute ahead. */
const CLOCK_LEEWAY_MS = 60_000

/** The findings in the order in which things build upon each other; what rests on a failed one is left out. */
export async function examine(config: Config, connect: () => Promise<ServerClient>, now: () => number): Promise<Finding[]> {
  const findings: Finding[] = [{ name: 'configuration', state: 'ok', found: config.file }]
  if (config.attesters.length === 0)
    findings.push({ name: 'attesters', state: 'failed', found: 'none enabled', advice: 'enable one under plugins' })
  for (const address of new Set(config.attesters.map(({ settings }) => settings.tpm))) {
    const attesters = config.attesters.filter(({ settings }) => settings.tpm === address)
    findings.push(...(await examineTpm(address, attesters, config.nodeId, now())))
  }
  findings.push(...(await examineServer(config, connect, now)))
  return findings
}

async function examineTpm(
  address: string,
  attesters: readonly EnabledAttester[],
  nodeId: string | undefined,
  now: number,
): Promise<Finding[]> {
  const name = `TPM ${address}`
  const findings: Finding[] = []
  try {
    await using connection = await openTpm(address, { timeout: 30_000 })
    await connection.exclusive(async (tpm) => {
      const { manufacturer, vendor, firmware, lockout } = await readTpmInfo(tpm)
      findings.push({ name, state: 'ok', found: `${manufacturer} ${vendor}, firmware ${firmware}` })
      if (lockout.failures >= lockout.limit)
        findings.push({ name: `${name}: lockout`, state: 'warning', found: 'locked out', advice: 'tpm2_dictionarylockout --clear-lockout' })
      for (const settings of distinctKeys(attesters.map((each) => each.settings)))
        findings.push(...(await examineKey(tpm, settings, nodeId, now)))
      for (const attester of attesters) findings.push(...(await examineLog(tpm, attester)))
    })
  } catch (error) {
    findings.push({ name, state: 'failed', found: messageOf(error), advice: tpmAdvice(address, messageOf(error)) })
  }
  return findings
}

function tpmAdvice(address: string, problem: string): string {
  if (!address.startsWith('/')) return `start the emulator, or correct tcti_config`
  if (/no permission/.test(problem)) return `usermod -aG tss USER, or run as a member of the group that owns ${address}`
  if (/no such device/.test(problem))
    return "enable the TPM (also 'fTPM' or 'PTT') in the firmware's setup; in a virtual machine, add a vTPM"
  return 'see the kernel log: dmesg | grep -i tpm'
}

async function examineKey(tpm: Tpm, settings: TpmSettings, nodeId: string | undefined, now: number): Promise<Finding[]> {
  const key = `attestation key ${handleText(settings.akHandle)}`
  const certificate = `its certificate in ${placeOf(settings)}`
  const findings: Finding[] = []
  let name = key
  try {
    const publicArea = await readAk(tpm, settings)
    findings.push({ name: key, state: 'ok', found: publicArea.type === 'rsa' ? `RSA ${publicArea.keyBits}` : publicArea.type })
    name = certificate
    const [leaf] = (await readCertificate(tpm, settings.certificate)) ?? []
    if (leaf === undefined) return [...findings, { name, state: 'failed', found: 'there is none', advice: 'vouchsafe-agent provision' }]
    const problem = certificateProblem(leaf, { publicArea, nodeId, now })
    if (problem !== undefined) return [...findings, { name, state: 'failed', found: `it ${problem}`, advice: 'vouchsafe-agent provision' }]
    const left = (leaf.notAfter.getTime() - now) / (leaf.notAfter.getTime() - leaf.notBefore.getTime())
    const found = `node '${attributeOf(leaf.subject, 'CN')}', issued by ${leaf.issuer.text}, until ${leaf.notAfter.toISOString()}`
    if (left >= RENEWAL_SHARE) return [...findings, { name, state: 'ok', found }]
    const advice = isOfServer(leaf)
      ? 'it expires soon: the daemon renews it from the server, or run vouchsafe-agent provision'
      : 'it expires soon: run vouchsafe-agent provision'
    return [...findings, { name, state: 'warning', found, advice }]
  } catch (error) {
    return [...findings, { name, state: 'failed', found: messageOf(error), advice: 'vouchsafe-agent provision' }]
  }
}

async function examineLog(tpm: Tpm, { attester, settings }: EnabledAttester): Promise<Finding[]> {
  const name = `${attester.type}: ${settings.logPath}`
  const { algorithm } = settings.pcrs
  const banks = await activePcrBanks(tpm)
  if (!banks.some((bank) => bank.algorithm === algorithm)) {
    const found = `the TPM has no active bank ${algorithm}, but ${banks.map((bank) => bank.algorithm).join(', ')}`
    return [{ name: `${attester.type}: PCRs`, state: 'failed', found, advice: 'correct pcr_selections.hash_alg, or tpm2_pcrallocate' }]
  }
  try {
    const before = await tpm2.pcrRead(tpm, [selectionOf(settings)])
    const log = await readLog(settings.logPath, attester.logLimit)
    if (log.bytes.length === 0) return [{ name, state: 'failed', found: 'it is empty', advice: logAdvice(attester.type) }]
    const { problem } = attester.agreement(log, before[0]!.values, algorithm)
    if (problem === undefined) return [{ name, state: 'ok', found: `${log.bytes.length} bytes, agrees with the PCRs` }]
    const advice = 'tokens will say so; is this the log of this boot and this TPM?'
    return [{ name, state: 'warning', found: problem, advice }]
  } catch (error) {
    return [{ name, state: 'failed', found: messageOf(error), advice: logAdvice(attester.type) }]
  }
}

function logAdvice(type: string): string {
  if (type === 'tpm_ima')
    return 'boot with ima_policy=tcb (or another policy), mount securityfs, and run as root or with CAP_DAC_READ_SEARCH; or disable tpm_ima'
  return 'mount securityfs, and run as root or with CAP_DAC_READ_SEARCH, as the systemd unit does; the firmware must offer a log'
}

async function examineServer({ server, attesters }: Config, connect: () => Promise<ServerClient>, now: () => number): Promise<Finding[]> {
  const name = `server ${server.url.origin}`
  try {
    const client = await connect()
    const { iat } = await client.challenge(attesters.map(({ attester }) => attester.type))
    const ahead = now() - iat * 1000
    const found = `${Math.abs(Math.round(ahead / 1000))} seconds ${ahead < 0 ? 'behind' : 'ahead of'} the server`
    // The server counts whole seconds.
    const isClose = Math.abs(ahead) < CLOCK_LEEWAY_MS
    return [
      { name, state: 'ok', found: 'issues nonces' },
      isClose
        ? { name: 'clock', state: 'ok', found }
        : {
            name: 'clock',
            state: 'warning',
            found,
            advice: 'timedatectl set-ntp true; otherwise certificates and tokens seem too old or too new',
          },
    ]
  } catch (error) {
    return [{ name, state: 'failed', found: messageOf(error), advice: serverAdvice(messageOf(error)) }]
  }
}

function serverAdvice(problem: string): string {
  if (/certificate|self.signed|issuer/i.test(problem)) return "give the server's CA as server.tls.ca_path"
  if (/status 40[13]/.test(problem))
    return 'agent.user_id and agent.apikey_path: an API key with the role attester, from the operator of the server'
  return 'is the server running, and is server.server_url correct?'
}
