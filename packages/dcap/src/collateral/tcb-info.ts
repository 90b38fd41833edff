/** TCB info, versions 2 and 3 (Intel PCS API v3 and v4, "Get TCB Info"; Appendix A: TCB info). */
import { CollateralError } from '../errors.ts'
import type { Tee } from '../quote/quote.ts'
import { asObject, hexBytes, list, member, text, texts, utcDate, wholeNumber } from './json-fields.ts'
import type { JsonObject } from './json-fields.ts'
import { statedStatus } from './tcb-status.ts'
import type { TcbStatus } from './tcb-status.ts'

export interface TcbComponent {
  svn: number
  /** What updates it, such as BIOS or OS/VMM, if Intel says so. */
  category?: string
  /** What it is, such as "Early Microcode Update". */
  type?: string
}

export interface TcbLevel {
  /** 16 of them, as tdx. */
  sgx: readonly TcbComponent[]
  tdx?: readonly TcbComponent[]
  pceSvn: number
  date: Date
  status: TcbStatus
  advisories: readonly string[]
}

/** A level of one software part, which has one SVN: a quoting enclave, a TDX module. */
export interface IsvTcbLevel {
  isvSvn: number
  date: Date
  status: TcbStatus
  advisories: readonly string[]
}

/** What the signer and attributes of a TDX module must be. */
export interface TdxModule {
  mrSigner: Buffer
  attributes: Buffer
  attributesMask: Buffer
}

export interface TdxModuleIdentity extends TdxModule {
  /** `TDX_` and the module's major version in hex. */
  id: string
  levels: readonly IsvTcbLevel[]
}

export interface TcbInfo {
  tee: Tee
  version: 2 | 3
  issueDate: Date
  nextUpdate: Date
  /** 6 bytes: family, model, stepping, platform type and custom SKU. */
  fmspc: Buffer
  pceId: Buffer
  evaluationDataNumber: number
  tdxModule?: TdxModule
  tdxModuleIdentities: readonly TdxModuleIdentity[]
  /** In no particular order. */
  levels: readonly TcbLevel[]
}

const COMPONENTS = 16
const MAX_U16 = 0xffff
const MAX_U32 = 0xffffffff

/** Throws CollateralError with the path of the field at fault. Unknown members are ignored. */
export function readTcbInfo(value: unknown, path: string): TcbInfo {
  const object = asObject(value, path)
  const version = wholeNumber(object, 'version', path, MAX_U32)
  if (version !== 2 && version !== 3) throw new CollateralError(`${path}.version`, `${version} is neither 2 nor 3`)
  const tee = version === 2 ? 'SGX' : text(object, 'id', path)
  if (tee !== 'SGX' && tee !== 'TDX') throw new CollateralError(`${path}.id`, 'neither SGX nor TDX')
  if (wholeNumber(object, 'tcbType', path, MAX_U32) !== 0) throw new CollateralError(`${path}.tcbType`, 'only type 0 is known')
  const module = member(object, 'tdxModule')
  const identities = member(object, 'tdxModuleIdentities') === undefined ? [] : list(object, 'tdxModuleIdentities', path)
  const common = {
    tee,
    version,
    issueDate: utcDate(object, 'issueDate', path),
    nextUpdate: utcDate(object, 'nextUpdate', path),
    fmspc: hexBytes(object, 'fmspc', path, 6),
    pceId: hexBytes(object, 'pceId', path, 2),
    evaluationDataNumber: wholeNumber(object, 'tcbEvaluationDataNumber', path, MAX_U32),
    tdxModuleIdentities: identities.map((entry, i) => readModuleIdentity(entry, `${path}.tdxModuleIdentities[${i}]`)),
    levels: list(object, 'tcbLevels', path).map((entry, i) => readLevel(entry, `${path}.tcbLevels[${i}]`, version, tee)),
  } as const
  return module === undefined ? common : { ...common, tdxModule: readModule(asObject(module, `${path}.tdxModule`), `${path}.tdxModule`) }
}

/** Levels that state one ISVSVN. */
export function readIsvLevels(object: JsonObject, path: string): IsvTcbLevel[] {
  return list(object, 'tcbLevels', path).map((entry, i) => {
    const at = `${path}.tcbLevels[${i}]`
    const level = asObject(entry, at)
    const isvSvn = wholeNumber(asObject(member(level, 'tcb'), `${at}.tcb`), 'isvsvn', `${at}.tcb`, MAX_U16)
    return { isvSvn, ...readVerdict(level, at) }
  })
}

function readLevel(value: unknown, path: string, version: 2 | 3, tee: Tee): TcbLevel {
  const level = asObject(value, path)
  const tcb = asObject(member(level, 'tcb'), `${path}.tcb`)
  const sgx = version === 2 ? readNumberedComponents(tcb, `${path}.tcb`) : readComponents(tcb, 'sgxtcbcomponents', `${path}.tcb`)
  const pceSvn = wholeNumber(tcb, 'pcesvn', `${path}.tcb`, MAX_U16)
  const verdict = readVerdict(level, path)
  return tee === 'SGX'
    ? { sgx, pceSvn, ...verdict }
    : { sgx, tdx: readComponents(tcb, 'tdxtcbcomponents', `${path}.tcb`), pceSvn, ...verdict }
}

function readVerdict(level: JsonObject, path: string) {
  return {
    date: utcDate(level, 'tcbDate', path),
    status: statedStatus(member(level, 'tcbStatus'), `${path}.tcbStatus`),
    advisories: texts(level, 'advisoryIDs', path),
  }
}

/** Version 2: sgxtcbcomp01svn to sgxtcbcomp16svn. */
function readNumberedComponents(tcb: JsonObject, path: string): TcbComponent[] {
  return Array.from({ length: COMPONENTS }, (_, i) => ({
    svn: wholeNumber(tcb, `sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`, path, 255),
  }))
}

function readComponents(tcb: JsonObject, name: string, path: string): TcbComponent[] {
  const components = list(tcb, name, path)
  if (components.length !== COMPONENTS) throw new CollateralError(`${path}.${name}`, `${COMPONENTS} components are expected`)
  return components.map((entry, i) => {
    const at = `${path}.${name}[${i}]`
    const object = asObject(entry, at)
    return {
      svn: wholeNumber(object, 'svn', at, 255),
      ...(member(object, 'category') !== undefined && { category: text(object, 'category', at) }),
      ...(member(object, 'type') !== undefined && { type: text(object, 'type', at) }),
    }
  })
}

function readModule(object: JsonObject, path: string): TdxModule {
  return {
    mrSigner: hexBytes(object, 'mrsigner', path, 48),
    attributes: hexBytes(object, 'attributes', path, 8),
    attributesMask: hexBytes(object, 'attributesMask', path, 8),
  }
}

function readModuleIdentity(value: unknown, path: string): TdxModuleIdentity {
  const object = asObject(value, path)
  return { id: text(object, 'id', path), ...readModule(object, path), levels: readIsvLevels(object, path) }
}
