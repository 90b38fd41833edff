import { publicEncrypt, randomBytes } from 'node:crypto'

/** Sends one action and gives the result of its answer. */
type Ask = (action: string, payload?: Record<string, unknown>) => Promise<Record<string, string>>

/**
 * Calls every action that apps sign with what makes it succeed, in an order in which one follows from the other. `rotate` does the rotations
 * that are due. Contents are random, so that whoever looks for them finds nothing else.
 */
export async function callEveryAction(ask: Ask, rotate: () => Promise<unknown>): Promise<void> {
  const text = () => randomBytes(24).toString('base64')
  const create = async (keyspec: string, origin = 'EH_INTERNAL_KEY') => (await ask('CreateKey', { keyspec, origin }))['keyid']!
  const [aes, sm2, external] = [await create('EH_AES_GCM_128'), await create('EH_SM2'), await create('EH_AES_GCM_128', 'EH_EXTERNAL_KEY')]
  const aad = text()
  const { ciphertext } = await ask('Encrypt', { keyid: aes, plaintext: text(), aad })
  await ask('Decrypt', { keyid: aes, ciphertext, aad })
  await ask('GenerateDataKeyWithoutPlaintext', { keyid: aes, keylen: 16 })
  const dataKey = await ask('GenerateDataKey', { keyid: aes, keylen: 16 })
  await ask('ExportDataKey', { keyid: aes, ukeyid: sm2, olddatakey: dataKey['ciphertext'] })
  const sealed = await ask('AsymmetricEncrypt', { keyid: sm2, plaintext: text() })
  await ask('AsymmetricDecrypt', { keyid: sm2, ...sealed })
  const message = text()
  const { signature } = await ask('Sign', { keyid: sm2, message })
  await ask('Verify', { keyid: sm2, message, signature })
  await ask('GetPublicKey', { keyid: sm2 })
  const { pubkey, importToken } = await ask('GetParametersForImport', { keyid: external, keyspec: 'EH_RSA_2048' })
  const key_material = publicEncrypt({ key: pubkey!, oaepHash: 'sha256' }, randomBytes(16)).toString('base64')
  await ask('ImportKeyMaterial', { keyid: external, padding_mode: 'EH_RSA_PKCS1_OAEP', key_material, importToken })
  await ask('UpdateKey', { keyid: sm2, alias: 'named' })
  for (const keyid of [aes, sm2, external]) await ask('DescribeKey', { keyid })
  await ask('ListKey')

  const secretName = 'a "secret"'
  await ask('CreateSecret', { secretName, secretData: text(), description: 'd', encryptionKeyId: aes })
  await ask('PutSecretValue', { secretName, secretData: text() })
  // Nothing listens there, so that the rotation fails.
  await ask('SetRotationWebhook', { url: 'http://127.0.0.1:1/' })
  await ask('RotateSecret', { secretName })
  await rotate()
  await ask('DeleteSecret', { secretName })
  for (const action of ['DescribeSecret', 'ListSecrets', 'RestoreSecret', 'ListSecretVersionIds', 'UpdateSecretDesc'])
    await ask(action, { secretName })
  await ask('GetSecretValue', { secretName })
  for (const action of ['DescribeRotationWebhook', 'DeleteRotationWebhook']) await ask(action)

  const { quote } = await ask('GenerateQuote', { challenge: text() })
  await ask('VerifyQuote', { quote, nonce: text(), detail: true })
  const { policyId } = await ask('UploadQuotePolicy', { mr_enclave: '0a'.repeat(32), mr_signer: 'F0'.repeat(32) })
  await ask('GetQuotePolicy', { policyId })

  for (const action of ['DisableKey', 'EnableKey', 'DeleteKey']) await ask(action, { keyid: aes })
  await ask('DeleteALLKey')
}
