/** Permanent handles (TPM 2.0 Library, Part 2, §7.4, TPM_RH). */
export const hierarchies = {
  owner: 0x40000001,
  null: 0x40000007,
  lockout: 0x4000000a,
  endorsement: 0x4000000b,
  platform: 0x4000000c,
} as const

export type Hierarchy = keyof typeof hierarchies

/** The kinds of handles that a TPM lists (Part 2, §7.2, TPM_HT): the highest byte. Loaded sessions are HMAC and policy sessions alike. */
export const handleTypes = {
  pcr: 0x00,
  nv: 0x01,
  'loaded-session': 0x02,
  'saved-session': 0x03,
  permanent: 0x40,
  transient: 0x80,
  persistent: 0x81,
} as const

export type HandleType = keyof typeof handleTypes
