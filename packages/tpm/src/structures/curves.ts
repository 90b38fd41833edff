/**
 * TPM_ECC_CURVE (TPM 2.0 Library, Part 2, §6.4; TCG Algorithm Registry), the curve's object identifier in DER where it has one (RFC 5480; RFC 5639;
 * GM/T 0006), bytes of a coordinate, and the name that OpenSSL knows it by.
 */
const CURVES = {
  'nist-p192': { id: 0x0001, oid: '06082a8648ce3d030101', size: 24, openssl: 'prime192v1' },
  'nist-p224': { id: 0x0002, oid: '06052b81040021', size: 28, openssl: 'secp224r1' },
  'nist-p256': { id: 0x0003, oid: '06082a8648ce3d030107', size: 32, openssl: 'prime256v1' },
  'nist-p384': { id: 0x0004, oid: '06052b81040022', size: 48, openssl: 'secp384r1' },
  'nist-p521': { id: 0x0005, oid: '06052b81040023', size: 66, openssl: 'secp521r1' },
  'bn-p256': { id: 0x0010, oid: undefined, size: 32, openssl: undefined },
  'bn-p638': { id: 0x0011, oid: undefined, size: 80, openssl: undefined },
  'sm2-p256': { id: 0x0020, oid: '06082a811ccf5501822d', size: 32, openssl: 'SM2' },
  'bp-p256': { id: 0x0030, oid: '06092b2403030208010107', size: 32, openssl: 'brainpoolP256r1' },
  'bp-p384': { id: 0x0031, oid: '06092b240303020801010b', size: 48, openssl: 'brainpoolP384r1' },
  'bp-p512': { id: 0x0032, oid: '06092b240303020801010d', size: 64, openssl: 'brainpoolP512r1' },
} as const

export type CurveName = keyof typeof CURVES

export type Curve = { id: number; oid: string | undefined; size: number; openssl: string | undefined }

/** The curves known here, by the names used in results. */
export const curves: Readonly<Record<CurveName, Curve>> = CURVES

/** The name of a TPM_ECC_CURVE, undefined for one that is not known here. */
export function curveById(id: number): CurveName | undefined {
  return (Object.keys(CURVES) as CurveName[]).find((name) => CURVES[name].id === id)
}
