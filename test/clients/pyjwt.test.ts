// PyJWT, which relying parties in Python use, takes our tokens by the published keys alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestServer } from '@vouchsafe/testkit/server'
import { NODE, issueToken, run } from './attested.ts'

const PROGRAM = `
import sys, jwt
url, token = sys.argv[1:]
key = jwt.PyJWKClient(url + "/.well-known/jwks.json").get_signing_key_from_jwt(token)
algorithms = [jwt.get_unverified_header(token)["alg"]]
claims = jwt.decode(token, key.key, algorithms=algorithms, options={"require": ["exp", "iat", "iss"], "verify_aud": False})
print(claims["ueid"])
head, payload, signature = token.split(".")
changed = ".".join([head, payload[:-2] + ("AA" if payload[-2:] != "AA" else "BB"), signature])
try:
    jwt.decode(changed, key.key, algorithms=algorithms, options={"verify_aud": False})
except jwt.InvalidSignatureError:
    print("refused")
`

test('PyJWT verifies an attestation token by the published keys, and refuses a changed one', async () => {
  await using server = await startTestServer()
  const token = await issueToken(server)
  assert.equal(await run('python3', ['-c', PROGRAM, server.url, token]), `${NODE}\nrefused\n`)
})
