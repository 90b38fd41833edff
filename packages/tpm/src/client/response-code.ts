// Response codes in words. Source: TPM 2.0 Library, Part 2, "TPM_RC (Response Codes)" (§6.6).
import { TpmError } from '../error.ts'
import { commandName } from './command-codes.ts'

type Words = Record<number, readonly [name: string, meaning: string]>

/** Format one: about a parameter, a handle or a session, whose number is in the code. */
const FORMAT_ONE: Words = {
  0x01: ['ASYMMETRIC', 'the asymmetric algorithm is not supported or not right here'],
  0x02: ['ATTRIBUTES', 'the attributes are inconsistent'],
  0x03: ['HASH', 'the hash algorithm is not supported or not right here'],
  0x04: ['VALUE', 'the value is out of range or not right here'],
  0x05: ['HIERARCHY', 'the hierarchy is not enabled or not right here'],
  0x07: ['KEY_SIZE', 'the key size is not supported'],
  0x08: ['MGF', 'the mask generation function is not supported'],
  0x09: ['MODE', 'the mode of operation is not supported'],
  0x0a: ['TYPE', 'the type of the value is not right here'],
  0x0b: ['HANDLE', 'there is nothing of the right kind at this handle'],
  0x0c: ['KDF', 'the key derivation function is not supported or not right here'],
  0x0d: ['RANGE', 'the value is out of the allowed range'],
  0x0e: ['AUTH_FAIL', 'the authorization is wrong, and counts against the lockout'],
  0x0f: ['NONCE', 'the nonce size is wrong'],
  0x10: ['PP', 'physical presence is required'],
  0x12: ['SCHEME', 'the scheme is not supported or not right here'],
  0x15: ['SIZE', 'the size is wrong'],
  0x16: ['SYMMETRIC', 'the symmetric algorithm is not supported or not right here'],
  0x17: ['TAG', 'the structure tag is wrong'],
  0x18: ['SELECTOR', 'the union selector is wrong'],
  0x1a: ['INSUFFICIENT', 'the command ended before the value'],
  0x1b: ['SIGNATURE', 'the signature is not valid'],
  0x1c: ['KEY', 'the key is not right here'],
  0x1d: ['POLICY_FAIL', 'the policy is not satisfied'],
  0x1f: ['INTEGRITY', 'the integrity check failed'],
  0x20: ['TICKET', 'the ticket is not valid'],
  0x21: ['RESERVED_BITS', 'reserved bits are not zero'],
  0x22: ['BAD_AUTH', 'the authorization is wrong'],
  0x23: ['EXPIRED', 'the policy has expired'],
  0x24: ['POLICY_CC', 'the policy allows another command'],
  0x25: ['BINDING', 'the public and the sensitive part do not belong together'],
  0x26: ['CURVE', 'the curve is not supported'],
  0x27: ['ECC_POINT', 'the point is not on the curve'],
}

/** Format zero, errors. */
const ERRORS: Words = {
  0x00: ['INITIALIZE', 'the TPM was not started with TPM2_Startup, or was already'],
  0x01: ['FAILURE', 'the TPM is in failure mode'],
  0x03: ['SEQUENCE', 'a sequence handle was used wrongly'],
  0x0b: ['PRIVATE', 'not used'],
  0x19: ['HMAC', 'not used'],
  0x20: ['DISABLED', 'the command is disabled'],
  0x21: ['EXCLUSIVE', 'the audit session is not exclusive'],
  0x24: ['AUTH_TYPE', 'the authorization handle is not right for the command'],
  0x25: ['AUTH_MISSING', 'the command needs an authorization session for a handle'],
  0x26: ['POLICY', 'the policy failed in a math operation, or is not valid'],
  0x27: ['PCR', 'the PCR check failed'],
  0x28: ['PCR_CHANGED', 'a PCR has changed since it was checked'],
  0x2d: ['UPGRADE', 'the TPM is in field upgrade mode'],
  0x2e: ['TOO_MANY_CONTEXTS', 'the context counter is at its maximum'],
  0x2f: ['AUTH_UNAVAILABLE', 'the authorization or policy of the entity is not available'],
  0x30: ['REBOOT', 'a restart of the machine is required'],
  0x31: ['UNBALANCED', 'the protection algorithms are unbalanced'],
  0x42: ['COMMAND_SIZE', 'the command size does not fit the command'],
  0x43: ['COMMAND_CODE', 'the TPM does not have this command'],
  0x44: ['AUTHSIZE', 'the size of the authorization area is wrong'],
  0x45: ['AUTH_CONTEXT', 'the command takes no authorization'],
  0x46: ['NV_RANGE', 'the offset and size go beyond the NV index'],
  0x47: ['NV_SIZE', 'the NV index is too large for the TPM'],
  0x48: ['NV_LOCKED', 'the NV index is locked'],
  0x49: ['NV_AUTHORIZATION', 'this authorization does not allow access to the NV index'],
  0x4a: ['NV_UNINITIALIZED', 'the NV index has never been written'],
  0x4b: ['NV_SPACE', 'the TPM has no NV space left'],
  0x4c: ['NV_DEFINED', 'the NV index or persistent handle is already there'],
  0x50: ['BAD_CONTEXT', 'the saved context is not valid'],
  0x51: ['CPHASH', 'the command parameters are not those that were authorized'],
  0x52: ['PARENT', 'the parent handle is not a parent'],
  0x53: ['NEEDS_TEST', 'a self-test must run first'],
  0x54: ['NO_RESULT', 'the TPM cannot compute the result'],
  0x55: ['SENSITIVE', 'the sensitive area did not unmarshal'],
}

/** Format zero, warnings: the command may work at another time. */
const WARNINGS: Words = {
  0x01: ['CONTEXT_GAP', 'the gap between saved sessions is too large'],
  0x02: ['OBJECT_MEMORY', 'the TPM has no room for another transient object'],
  0x03: ['SESSION_MEMORY', 'the TPM has no room for another session'],
  0x04: ['MEMORY', 'the TPM is out of memory'],
  0x05: ['SESSION_HANDLES', 'the TPM has no session handles left'],
  0x06: ['OBJECT_HANDLES', 'the TPM has no object handles left'],
  0x07: ['LOCALITY', 'the locality is wrong'],
  0x08: ['YIELDED', 'the TPM suspended the command'],
  0x09: ['CANCELED', 'the command was canceled'],
  0x0a: ['TESTING', 'the TPM is testing itself'],
  0x10: ['REFERENCE_H0', 'the 1st handle refers to something that is not loaded'],
  0x11: ['REFERENCE_H1', 'the 2nd handle refers to something that is not loaded'],
  0x12: ['REFERENCE_H2', 'the 3rd handle refers to something that is not loaded'],
  0x13: ['REFERENCE_H3', 'the 4th handle refers to something that is not loaded'],
  0x14: ['REFERENCE_H4', 'the 5th handle refers to something that is not loaded'],
  0x15: ['REFERENCE_H5', 'the 6th handle refers to something that is not loaded'],
  0x16: ['REFERENCE_H6', 'the 7th handle refers to something that is not loaded'],
  0x18: ['REFERENCE_S0', 'the 1st session is not loaded'],
  0x19: ['REFERENCE_S1', 'the 2nd session is not loaded'],
  0x1a: ['REFERENCE_S2', 'the 3rd session is not loaded'],
  0x1b: ['REFERENCE_S3', 'the 4th session is not loaded'],
  0x1c: ['REFERENCE_S4', 'the 5th session is not loaded'],
  0x1d: ['REFERENCE_S5', 'the 6th session is not loaded'],
  0x1e: ['REFERENCE_S6', 'the 7th session is not loaded'],
  0x20: ['NV_RATE', 'the TPM limits writes to its NV memory'],
  0x21: ['LOCKOUT', 'the TPM is locked out after wrong authorizations'],
  0x22: ['RETRY', 'the TPM was not able to start the command'],
  0x23: ['NV_UNAVAILABLE', 'NV memory is not available now'],
  0x7f: ['NOT_USED', 'not used'],
}

const BAD_TAG = 0x01e
const RETRYABLE = new Set([0x908, 0x90a, 0x920, 0x922]) // YIELDED, TESTING, NV_RATE, RETRY

/** The command was not carried out, and the same bytes may be sent again after a while. */
export function isRetryable(code: number): boolean {
  return RETRYABLE.has(code)
}

export interface ResponseCodeWords {
  /** Such as `TPM_RC_AUTH_FAIL`; `TPM_RC_0x…` when unknown. */
  name: string
  meaning: string
  /** What the code is about, where it says so: `session 1`, `handle 2`, `parameter 1`. */
  about: string | undefined
}

/**
 * Decodes a response code other than TPM_RC_SUCCESS (Part 2, §6.6.2, "Response Code Formats").
 *
 * @example
 * const { name, about } = decodeResponseCode(0x98e)
 * const words = `${name}, ${about}` // → 'TPM_RC_AUTH_FAIL, session 1'
 */
export function decodeResponseCode(code: number): ResponseCodeWords {
  const layer = code >>> 16
  // The layer of the kernel's resource manager and of the TSS: the low bits are as from a TPM (TSS 2.0 Overview, "Return codes").
  if (layer !== 0) {
    const inner = decodeResponseCode(code & 0xffff)
    return { ...inner, meaning: `${inner.meaning} (said by software layer ${layer}, not by the TPM)` }
  }
  const unknown = { name: `TPM_RC_0x${code.toString(16).padStart(3, '0')}`, meaning: 'an unknown response code', about: undefined }
  if (code === BAD_TAG) return { name: 'TPM_RC_BAD_TAG', meaning: 'the command tag is wrong, or this is a TPM 1.2', about: undefined }
  if ((code & 0x080) !== 0) {
    const words = FORMAT_ONE[code & 0x3f]
    return { ...unknown, ...(words && { name: `TPM_RC_${words[0]}`, meaning: words[1] }), about: subject(code) }
  }
  if ((code & 0x100) === 0) return unknown
  if ((code & 0x400) !== 0) return { ...unknown, meaning: "a response code of the TPM's vendor" }
  const words = ((code & 0x800) === 0 ? ERRORS : WARNINGS)[code & 0x7f]
  return words === undefined ? unknown : { name: `TPM_RC_${words[0]}`, meaning: words[1], about: undefined }
}

function subject(code: number): string | undefined {
  const number = (code >> 8) & 0xf
  if ((code & 0x40) !== 0) return `parameter ${number}`
  if (number === 0 || number === 8) return undefined
  return number > 8 ? `session ${number - 8}` : `handle ${number}`
}

/**
 * The TPM refused a command. `field` is the command's name.
 *
 * @example
 * const error: unknown = await tpm2.readPublic(tpm, 0x81ffffff).catch((error) => error)
 * error instanceof TpmResponseError && error.codeName // → 'TPM_RC_HANDLE'
 */
export class TpmResponseError extends TpmError {
  /** TPM_RC. */
  readonly code: number
  /** The code's name without parameter, handle and session numbers, such as `TPM_RC_AUTH_FAIL`. */
  readonly codeName: string

  constructor(code: number, commandCode: number) {
    const { name, meaning, about } = decodeResponseCode(code)
    const command = commandName(commandCode)
    super(`${command}: ${name} (0x${code.toString(16)}${about === undefined ? '' : `, ${about}`}): ${meaning}`, { field: command })
    this.code = code
    this.codeName = name
  }
}
