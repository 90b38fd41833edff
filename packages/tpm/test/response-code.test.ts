import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { TpmResponseError, decodeResponseCode } from '@vouchsafe/tpm'

test('a code names the error, and the parameter, handle or session that it is about', () => {
  const decoded = [0x101, 0x98e, 0x18b, 0x1c4, 0x922, 0x01e, 0xb0143, 0x500, 0x001, 0x1fe].map((code) => {
    const { name, about } = decodeResponseCode(code)
    return [name, about]
  })
  assert.deepEqual(decoded, [
    ['TPM_RC_FAILURE', undefined],
    ['TPM_RC_AUTH_FAIL', 'session 1'],
    ['TPM_RC_HANDLE', 'handle 1'],
    ['TPM_RC_VALUE', 'parameter 1'],
    ['TPM_RC_RETRY', undefined],
    ['TPM_RC_BAD_TAG', undefined],
    ['TPM_RC_COMMAND_CODE', undefined],
    ['TPM_RC_0x500', undefined],
    ['TPM_RC_0x001', undefined],
    ['TPM_RC_0x1fe', 'parameter 1'],
  ])
  assert.match(decodeResponseCode(0xb0143).meaning, /software layer 11/)
  assert.match(new TpmResponseError(0x98e, 0x158).message, /^TPM2_Quote: TPM_RC_AUTH_FAIL \(0x98e, session 1\): the authorization is wrong/)
})

test('tpm2_rc_decode says the same of the same codes', () => {
  const codes: [code: number, name: string, about: string | undefined, theirs: string][] = [
    [0x98e, 'AUTH_FAIL', 'session 1', 'tpm:session(1):the authorization HMAC check failed'],
    [0xa9d, 'POLICY_FAIL', 'session 2', 'tpm:session(2):a policy check failed'],
    [0x18b, 'HANDLE', 'handle 1', 'tpm:handle(1):the handle is not correct'],
    [0x2d5, 'SIZE', 'parameter 2', 'tpm:parameter(2):structure is the wrong size'],
    [0x12f, 'AUTH_UNAVAILABLE', undefined, 'tpm:error(2.0): authValue or authPolicy is not available'],
    [0x128, 'PCR_CHANGED', undefined, 'tpm:error(2.0): PCR have changed'],
    [0x14a, 'NV_UNINITIALIZED', undefined, 'tpm:error(2.0): an NV Index is used before being initialized'],
    [0x902, 'OBJECT_MEMORY', undefined, 'tpm:warn(2.0): out of memory for object contexts'],
    [0x921, 'LOCKOUT', undefined, 'tpm:warn(2.0): authorizations for objects subject to DA protection are not allowed'],
  ]
  for (const [code, name, about, theirs] of codes) {
    const decoded = decodeResponseCode(code)
    assert.deepEqual([decoded.name, decoded.about], [`TPM_RC_${name}`, about])
    const printed = execFileSync('tpm2_rc_decode', [`0x${code.toString(16)}`], { encoding: 'utf8' })
    assert.ok(printed.startsWith(theirs), printed)
  }
})
