/**
 * Known answers for the self-tests, from published examples; the keys here are published too and protect nothing. Hex throughout, but
 * for the RSA key, which is a JWK as printed.
 */
import type { Digest, EcSpec } from './spec.ts'

/** McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 4, 10 and 16: `ciphertext ‖ IV ‖ tag` under key prefixes. */
export const GCM = {
  key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
  aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
  plaintext: 'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
  answers: {
    128:
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac' +
      '973d58e091cafebabefacedbaddecaf8885bc94fbc3221a5db94fae95ae7121a47',
    192:
      '3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324' +
      'd9ccda2710cafebabefacedbaddecaf8882519498e80f1478f37ba55bd6d27618c',
    256:
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a' +
      '0abcc9f662cafebabefacedbaddecaf88876fc6ece0f4e1768cddf8853bb2d551b',
  },
} as const

/** draft-ribose-cfrg-sm4-10 appendix A.2 (CTR as printed; CBC as printed, with the PKCS#7 block that OpenSSL adds): `ciphertext ‖ IV`. */
export const SM4 = {
  key: '0123456789abcdeffedcba9876543210',
  ctr: {
    plaintext:
      'aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffaaaaaaaaaaaaaa' +
      'aabbbbbbbbbbbbbbbb',
    answer:
      'ac3236cb970cc20791364c395a1342d1a3cbc1878c6f30cd074cce385cdd70c7f234bc0e24c11980fd1286310ce37b926e02fcd0faa0ba' +
      'f38b2933851d824514000102030405060708090a0b0c0d0e0f',
  },
  cbc: {
    plaintext: 'aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffaaaaaaaabbbbbbbb',
    answer:
      '78ebb11cc40b0a48312aaeb2040244cb4cb7016951909226979b0d15dc6a8f6d40d84132e99974a4a88088684207485900010203040506' +
      '0708090a0b0c0d0e0f',
  },
} as const

/** RFC 4231 test case 2; the SM3 answer by OpenSSL. */
export const HMAC: { key: string; message: string; answers: Record<Digest, string> } = {
  key: 'Jefe',
  message: 'what do ya want for nothing?',
  answers: {
    sha224: 'a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44',
    sha256: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    sha384: 'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
    sha512:
      '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b' +
      '4b636e070a38bce737',
    sm3: '2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882',
  },
}

/**
 * The key and the PKCS #1 v1.5 signature of RFC 7515 appendix A.2 (CRT values computed from its primes). By OpenSSL 3.0 under the same
 * key: a PSS signature of the same message, and OAEP and PKCS #1 v1.5 encryptions of `plaintext`. `rejected` is what implicit
 * rejection answers to 256 bytes of 07: it depends on key and ciphertext alone.
 */
export const RSA = {
  key: {
    kty: 'RSA',
    e: 'AQAB',
    n:
      'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-' +
      'pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2Ca' +
      'pHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb5' +
      '4h4FRWyuXpoQ',
    d:
      'Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-' +
      'pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjud' +
      'U2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1' +
      'DhOVRuOopznQ',
    p:
      '4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KK' +
      'DcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc',
    q:
      'uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_Hl' +
      'B-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc',
    dp:
      'BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAk' +
      'tV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0',
    dq:
      'h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz' +
      '3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU',
    qi:
      'IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJt' +
      'oOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U',
  },
  message: 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ',
  plaintext: 'known answer',
  pkcs1Signature:
    '702e218943e88fd11eb5d82dbf7845f34106ae1b81fff7731116add1717d83656d420afd3c96eedd73a2663e5166687b000b87226e0187' +
    'ed1073f945e582adfcef16d85a798ee8c66ddb3db8975b17d09402beedd5d9d97007108db28160d5f8040ca7445762b81fbe7ff9d92e0a' +
    'e76f24f25b33bbe6f44ae61eb1040acb20044d3ef9128ed40130795bd4bd3b41eecad066ab651981fde48df77f372dc38b9fafdd3befb1' +
    '8b5da3cc3c2eb02f9e3a41d612caad15911273a05f23b9e838faaf849d698429ef5a1e88798236c3d40e604522a544c8f27a7a2db80663' +
    'd16cf7caea56de405cb2215a45b2c25566b55ac1a748a070dfc8a32a469543d019eefb47',
  pssSignature:
    '70883e9bcb9de50193e10adbfe720172e758b118eb4d1faa97f5e1ec33b207ebd8dfe7e9dfd6e691e30e124cdad31360c17a1a82a7abaa' +
    '937f5a858aa2038d4a5211108b1159f319f7dc0cea060c4a0403f2204971cf85546bb1b2c79ab72905f4c88a67b57f15451acd30ecb242' +
    '173fc344534c8cce49ff6504635a62d750c37c26958b5387df0008c0d7d6eab7447cea442a13da899a765b719b19ad895d5c5e3d0d2839' +
    '288acb9e44695917d507833191eee6b99c405ed045a17f7240cc620031566e9dc099eeb0b56c8139a04e24c871b6787801cd298d1e3ba5' +
    '951ae134dd436d9108c605d1acce532edc00875ac391307bbaa79151e48b82cd83f799d2',
  oaepCiphertext:
    '71aa94b89eda7ebb9e89b7dc0077fc52a03ad2694bd9462ceaf12289e4b3c72fbf9570fdb941570954c6475dec1b48fac7455595e3d6d2' +
    '314aa65d7d8a6e8af87bf845343e29480d7577eb73c3342b050cc02f68f582978e6ec71bbcbba3a48478c29ee18b1166fd43b83c8ffb24' +
    '9a0c15813668bf9896955ec3929ebe17f544d9a13a035efb2ef35ad6d89b795293eabeda156b55f8dbd74fef24bfb2e7db54a780c84652' +
    'f82768f9c406d2ac8dfc449dfd8604e3a4acaff27dfa7a67563c8e90b8879bcd800e467de4a170be9322e9827d03a059d660f0f8af13f9' +
    '600604289f122d0945a954384af3c08da46159bef29e762ca821d3afd3e42632d5a22cc4',
  pkcs1Ciphertext:
    '77506f0b4644bcba9e4d51075fd8a73fff083e052ae650f9f4f58e784556993dcf257c5b2313056fecfb6a8cc5b277eae3aadfa9ee7be0' +
    '144de14399175070a258c91ec3797b4e3d2395b1d7db6bb20d959f2254fcfd51dc1b640bf25f480953df2346856f33080c0ab220f6a840' +
    '97cc37cca18f11e02a4c1e92d3a2a0aa056c250868f763bb870252d912d498676f3606c56ecd359c478559885b74b761a8b7eadd30aadd' +
    '09447a3396982401006e3daf1574b8f0be52df96b4acf60aeb978bf17fb284ee12ee2254131f063807fe3dd92b46f584a501f38e763a8b' +
    'bc8eb271f53f0ef166cc8ad3a6e7163173fa36ba38f869ccbd860a0ad10c3335daf35294',
  rejected: '7bf6d3fd2b4f5c23c61e2b90321b67542d67eeb2f503c3991a1fd86ff845b1dd7c0794f7ee15eeb89c26044dea387d7c3c07c627f64a75' + 'df',
} as const

/** RFC 6979 appendix A.2, message "sample"; secp256k1, which it lacks, by its method with the scalar of P-256. `r ‖ s`. */
export const ECDSA: Record<EcSpec, { digest: Digest; scalar: string; signature: string }> = {
  'ec-p224': {
    digest: 'sha256',
    scalar: 'f220266e1105bfe3083e03ec7a3a654651f45e37167e88600bf257c1',
    signature: '61aa3da010e8e8406c656bc477a7a7189895e7e840cdfe8ff42307babc814050dab5d23770879494f9e0a680dc1af7161991bde692b101' + '01',
  },
  'ec-p256': {
    digest: 'sha256',
    scalar: 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
    signature:
      'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4' +
      '064dc4ab2f843acda8',
  },
  'ec-secp256k1': {
    digest: 'sha256',
    scalar: 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
    signature:
      '432310e32cb80eb6503a26ce83cc165c783b870845fb8aad6d970889fcd7a6c8530128b6b81c548874a6305d93ed071ca6e05074d85863' +
      'd4056ce89b02bfab69',
  },
  'ec-p384': {
    digest: 'sha384',
    scalar: '6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5',
    signature:
      '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178' +
      'cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
  },
  'ec-p521': {
    digest: 'sha512',
    scalar:
      '00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67' +
      'db89ec0c08b0e996b83538',
    signature:
      '00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455c' +
      'c91f9b15bf05ec36e377fa00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8' +
      'c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a',
  },
}
export const ECDSA_MESSAGE = 'sample'

/** GM/T 0003.5-2012 appendix A (GB/T 32918.5): signature `r ‖ s` with nonce k and the abscissa of kG, and a ciphertext. */
export const SM2 = {
  scalar: '3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8',
  point:
    '0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020' +
    'ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13',
  nonce: {
    k: BigInt('0x59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21'),
    x1: BigInt('0x04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73'),
  },
  message: 'message digest',
  signature:
    'f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3' + 'b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa',
  plaintext: 'encryption standard',
  c1:
    '04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73' + 'e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0',
  c3: '59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766',
  c2: '21886ca989ca9c7d58087307ca93092d651efa',
} as const
