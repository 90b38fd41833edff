/** Identities of Intel's quoting enclaves (Intel PCS API v3 and v4, "Get SGX QE Identity" and "Get TDX QE Identity"). */
import { CollateralError } from '../errors.ts'
import { asObject, hexBytes, text, utcDate, wholeNumber } from './json-fields.ts'
import { readIsvLevels } from './tcb-info.ts'
import type { IsvTcbLevel } from './tcb-info.ts'

export interface EnclaveIdentity {
  /** QE for SGX quotes, TD_QE for TDX quotes; others exist and are ignored. */
  id: string
  issueDate: Date
  nextUpdate: Date
  evaluationDataNumber: number
  /** In the order of the report's bytes. */
  miscSelect: Buffer
  miscSelectMask: Buffer
  attributes: Buffer
  attributesMask: Buffer
  mrSigner: Buffer
  isvProdId: number
  /** In no particular order. */
  levels: readonly IsvTcbLevel[]
}

/** Throws CollateralError with the path of the field at fault. */
export function readEnclaveIdentity(value: unknown, path: string): EnclaveIdentity {
  const object = asObject(value, path)
  const version = wholeNumber(object, 'version', path, 0xffff)
  if (version !== 2) throw new CollateralError(`${path}.version`, `${version} is not 2`)
  return {
    id: text(object, 'id', path),
    issueDate: utcDate(object, 'issueDate', path),
    nextUpdate: utcDate(object, 'nextUpdate', path),
    evaluationDataNumber: wholeNumber(object, 'tcbEvaluationDataNumber', path, 0xffffffff),
    miscSelect: hexBytes(object, 'miscselect', path, 4),
    miscSelectMask: hexBytes(object, 'miscselectMask', path, 4),
    attributes: hexBytes(object, 'attributes', path, 16),
    attributesMask: hexBytes(object, 'attributesMask', path, 16),
    mrSigner: hexBytes(object, 'mrsigner', path, 32),
    isvProdId: wholeNumber(object, 'isvprodid', path, 0xffff),
    levels: readIsvLevels(object, path),
  }
}
