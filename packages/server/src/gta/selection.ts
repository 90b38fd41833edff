// How queries and removals select policies and baselines.
import { Type } from 'typebox'
import { invalidParameter } from '../foundation/index.ts'

/** Ids in a query: separated by commas, or in repeated parameters. */
export const IDS = Type.Union([Type.String({ maxLength: 8_192 }), Type.Array(Type.String({ maxLength: 8_192 }), { maxItems: 100 })], {
  description: 'separated by commas',
})

/** The ids of a query; undefined if it has none. */
export function idsOf(given: string | string[] | undefined): string[] | undefined {
  const ids = [given ?? []].flat().flatMap((text) => text.split(',').filter((id) => id !== ''))
  return ids.length === 0 ? undefined : [...new Set(ids)]
}

/** The selection of a removal. @throws {ServiceError} `invalid` if a field that its delete_type needs is missing */
export function selectionOf(
  what: 'id' | 'type' | 'all',
  ids: string[] | null | undefined,
  attesterType: string | null | undefined,
): { ids: string[] } | { attesterType: string } | 'all' {
  if (what === 'all') return 'all'
  if (what === 'id') {
    if (ids == null) throw invalidParameter('ids is required with delete_type id')
    return { ids }
  }
  if (attesterType == null) throw invalidParameter('attester_type is required with this delete_type')
  return { attesterType }
}
