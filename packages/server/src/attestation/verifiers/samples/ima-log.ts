/** A log of runtime measurements as Linux writes it (template ima-ng). Policies are tried on what the verifier makes of it. */
export const SAMPLE_IMA_LOG: Uint8Array = Buffer.from(
  [
    '10 1ad666c457d90c85098749a609501d1928d66a57 ima-ng sha256:d903c6382c0c1f7d1fb599c25b72bcb7791bde21351461e066de22af0b67d8e6 boot_aggregate',
    '10 3e1ac97aa9bd05d1e52f9619f3b3d4477e06147f ima-ng sha256:82c0aad1330a0c428ee3f9b7ff0d5ba7e5238c550c58c17aa4ed27382902e002 /usr/bin/bash',
    '10 e0d8afeaa06e14b90b6033c8a0a27d06376f7f09 ima-ng sha256:622df33f94acab162399b6291277bb8d931d2ec77af350927ecbd8e3ec0226e4 /usr/lib/systemd/systemd',
    '',
  ].join('\n'),
)
