/** Types of attributes in names, by object identifier: OpenSSL's short and long names (RFC 4519, RFC 5280 appendix A, TCG EK profile). */

export interface AttributeType {
  oid: string
  shortName: string
  longName: string
}

const TABLE: readonly (readonly [oid: string, shortName: string, longName: string])[] = [
  ['2.5.4.3', 'CN', 'commonName'],
  ['2.5.4.4', 'SN', 'surname'],
  ['2.5.4.5', 'serialNumber', 'serialNumber'],
  ['2.5.4.6', 'C', 'countryName'],
  ['2.5.4.7', 'L', 'localityName'],
  ['2.5.4.8', 'ST', 'stateOrProvinceName'],
  ['2.5.4.9', 'street', 'streetAddress'],
  ['2.5.4.10', 'O', 'organizationName'],
  ['2.5.4.11', 'OU', 'organizationalUnitName'],
  ['2.5.4.12', 'title', 'title'],
  ['2.5.4.13', 'description', 'description'],
  ['2.5.4.15', 'businessCategory', 'businessCategory'],
  ['2.5.4.17', 'postalCode', 'postalCode'],
  ['2.5.4.41', 'name', 'name'],
  ['2.5.4.42', 'GN', 'givenName'],
  ['2.5.4.43', 'initials', 'initials'],
  ['2.5.4.44', 'generationQualifier', 'generationQualifier'],
  ['2.5.4.45', 'x500UniqueIdentifier', 'x500UniqueIdentifier'],
  ['2.5.4.46', 'dnQualifier', 'dnQualifier'],
  ['2.5.4.65', 'pseudonym', 'pseudonym'],
  ['2.5.4.97', 'organizationIdentifier', 'organizationIdentifier'],
  ['0.9.2342.19200300.100.1.1', 'UID', 'userId'],
  ['0.9.2342.19200300.100.1.25', 'DC', 'domainComponent'],
  ['1.2.840.113549.1.9.1', 'emailAddress', 'emailAddress'],
  ['1.2.840.113549.1.9.2', 'unstructuredName', 'unstructuredName'],
  ['1.3.6.1.4.1.311.60.2.1.1', 'jurisdictionL', 'jurisdictionLocalityName'],
  ['1.3.6.1.4.1.311.60.2.1.2', 'jurisdictionST', 'jurisdictionStateOrProvinceName'],
  ['1.3.6.1.4.1.311.60.2.1.3', 'jurisdictionC', 'jurisdictionCountryName'],
]

const BY_OID = new Map(TABLE.map(([oid, shortName, longName]) => [oid, { oid, shortName, longName }]))
const BY_NAME = new Map([...BY_OID.values()].flatMap((type) => [type.longName, type.shortName].map((name) => [name.toLowerCase(), type])))

/** A type that is not in the table is named by its object identifier. */
export function attributeTypeOf(oid: string): AttributeType {
  return BY_OID.get(oid) ?? { oid, shortName: oid, longName: oid }
}

/** By short or long name, whatever the case, or by dotted object identifier. */
export function attributeTypeNamed(name: string): AttributeType | undefined {
  return /^\d+(\.\d+)+$/.test(name) ? attributeTypeOf(name) : BY_NAME.get(name.toLowerCase())
}
