/** The vendor of Intel's quoting enclaves, 939A7233-F79C-4CA9-940A-0DB3957F0607 (Intel SGX ECDSA Quote Library Reference, quote header). */
export const INTEL_QE_VENDOR_ID = Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex')
