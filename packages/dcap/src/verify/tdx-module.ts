/** The TDX module's identity and TCB (Intel PCS API v4, TDX TCB info: tdxModule and tdxModuleIdentities). */
import type { Checks } from '@vouchsafe/checks'
import type { IsvTcbLevel, TcbInfo, TdxModuleIdentity } from '../collateral/tcb-info.ts'
import { isOutOfDate, needsConfiguration } from '../collateral/tcb-status.ts'
import type { TcbStatus } from '../collateral/tcb-status.ts'
import type { TdReport } from '../quote/td-report.ts'
import { checkMasked } from './quoting-enclave.ts'
import { selectIsvLevel, sortLevels } from './tcb-level.ts'

export interface TdxModuleVerdict {
  identity?: TdxModuleIdentity
  isvSvn: number
  /** Absent where the module's version is 0: the platform's components speak for it then. */
  level?: IsvTcbLevel
}

/** Adds `tdx-module-identity`, `tdx-module-mrsigner`, `tdx-module-attributes`, `tdx-module-attributes-reserved` and `tdx-module-tcb-level`. */
export function checkTdxModule(checks: Checks, { teeTcbSvn, mrSignerSeam, seamAttributes }: TdReport, info: TcbInfo): TdxModuleVerdict {
  const isvSvn = teeTcbSvn[0]!
  const version = teeTcbSvn[1]!
  const identity = version === 0 ? undefined : findModule(info, version)
  const module = version === 0 ? info.tdxModule : identity
  const present = checks.add('tdx-module-identity', module !== undefined, {
    expected: version === 0 ? 'tdxModule' : moduleId(version),
    found: module === undefined ? 'none in TCB info' : 'present',
  })
  if (!present || !module) return { isvSvn }
  checks.equal('tdx-module-mrsigner', module.mrSigner, mrSignerSeam)
  checkMasked(checks, 'tdx-module-attributes', seamAttributes, module.attributes, module.attributesMask)
  // All are reserved, and Intel's library wants them zero whatever the mask (4.1.2.4.11.2).
  checks.equal('tdx-module-attributes-reserved', Buffer.alloc(seamAttributes.length), seamAttributes)
  if (!identity) return { isvSvn }
  const level = selectIsvLevel(identity.levels, isvSvn)
  checks.add('tdx-module-tcb-level', level !== undefined, { expected: 'a level of TCB info', found: `ISVSVN ${isvSvn}` })
  return { identity, isvSvn, ...(level && { level }) }
}

/** The parts that decide whether a relaunch of the TD would bring it up to date. */
export interface RelaunchParts {
  info: TcbInfo
  sgxStatus: TcbStatus
  moduleStatus: TcbStatus
  qeStatus: TcbStatus
  /** The platform's with the module's. */
  tdxStatus: TcbStatus
}

/**
 * The status of a TDX 1.5 TD with the advice to relaunch it: only its module is out of date, and what is loaded now is current (Intel TDX
 * DCAP, TD relaunch; TEE_TCB_SVN_2).
 */
export function relaunchStatus(teeTcbSvn2: Buffer, { info, sgxStatus, moduleStatus, qeStatus, tdxStatus }: RelaunchParts): TcbStatus {
  const [isvSvn, version, microcode] = teeTcbSvn2 as unknown as readonly [number, number, number]
  if (isOutOfDate(qeStatus) || qeStatus === 'Revoked' || isOutOfDate(sgxStatus) || sgxStatus === 'Revoked') return tdxStatus
  if (!isOutOfDate(tdxStatus) || moduleStatus !== 'OutOfDate') return tdxStatus
  const latest = sortLevels(info.levels)[0]?.tdx
  const neededMicrocode = latest?.[2]?.svn
  const neededModule = version === 0 ? latest?.[0]?.svn : latestModuleSvn(findModule(info, version))
  if (neededMicrocode === undefined || neededModule === undefined) return tdxStatus
  if (isvSvn < neededModule || microcode < neededMicrocode) return tdxStatus
  return needsConfiguration(sgxStatus) || needsConfiguration(tdxStatus) ? 'TDRelaunchAdvisedConfigurationNeeded' : 'TDRelaunchAdvised'
}

function latestModuleSvn(identity: TdxModuleIdentity | undefined): number | undefined {
  return identity && identity.levels.length > 0 ? Math.max(...identity.levels.map(({ isvSvn }) => isvSvn)) : undefined
}

function moduleId(version: number): string {
  return `TDX_${version.toString(16).toUpperCase().padStart(2, '0')}`
}

function findModule(info: TcbInfo, version: number): TdxModuleIdentity | undefined {
  return info.tdxModuleIdentities.find(({ id }) => id.toUpperCase() === moduleId(version))
}
