import { invalid } from '../foundation/index.ts'

/** Refuses text that our databases cannot store unchanged: U+0000 and lone surrogates. @throws {ServiceError} `invalid` */
export function requireStorable(fields: Readonly<Record<string, string | null | undefined>>): void {
  for (const [field, text] of Object.entries(fields)) {
    if (typeof text === 'string' && (!text.isWellFormed() || text.includes('\0'))) {
      throw invalid(field, 'has characters that are not allowed')
    }
  }
}
