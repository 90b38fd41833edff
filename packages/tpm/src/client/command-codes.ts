/** TPM_CC of the commands here (TPM 2.0 Library, Part 2, §6.5.2). */
export const commandCodes = {
  NV_UndefineSpace: 0x122,
  EvictControl: 0x120,
  NV_DefineSpace: 0x12a,
  CreatePrimary: 0x131,
  NV_Increment: 0x134,
  NV_Write: 0x137,
  PCR_Reset: 0x13d,
  Startup: 0x144,
  Shutdown: 0x145,
  ActivateCredential: 0x147,
  Certify: 0x148,
  NV_Read: 0x14e,
  PolicySecret: 0x151,
  Create: 0x153,
  Load: 0x157,
  Quote: 0x158,
  Unseal: 0x15e,
  FlushContext: 0x165,
  NV_ReadPublic: 0x169,
  ReadPublic: 0x173,
  StartAuthSession: 0x176,
  GetCapability: 0x17a,
  GetRandom: 0x17b,
  PCR_Read: 0x17e,
  PolicyPCR: 0x17f,
  PCR_Extend: 0x182,
  PolicyGetDigest: 0x189,
} as const

/** `TPM2_Quote` and such; the number if the code is unknown here. */
export function commandName(code: number): string {
  const entry = Object.entries(commandCodes).find(([, value]) => value === code)
  return entry === undefined ? `TPM command 0x${code.toString(16)}` : `TPM2_${entry[0]}`
}
