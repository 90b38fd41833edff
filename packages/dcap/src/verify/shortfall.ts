/** What a platform lacks to reach the newest level: which component, by how much, and what updates it. */
import type { IsvTcbLevel, TcbComponent, TcbInfo } from '../collateral/tcb-info.ts'
import { sortLevels } from './tcb-level.ts'
import type { PlatformTcb } from './tcb-level.ts'

export interface Shortfall {
  /** `sgx 1` to `sgx 16`, `tdx 1` to `tdx 16`, `PCE`, `QE` or `TDX module`. */
  component: string
  /** Intel's name for it and what updates it, if TCB info says so. */
  description?: string
  found: number
  needed: number
  short: number
}

/** Against the highest level that is up to date, or the highest of all where Intel calls none so. Empty where nothing is short. */
export function platformShortfalls({ levels }: Pick<TcbInfo, 'levels'>, platform: PlatformTcb): Shortfall[] {
  const sorted = sortLevels(levels)
  const target = sorted.find(({ status }) => status === 'UpToDate') ?? sorted[0]
  if (!target) return []
  const skipped = (platform.tdx?.[1] ?? 0) > 0 ? 2 : 0
  return [
    ...componentShortfalls('sgx', target.sgx, platform.sgx),
    ...shortfall('PCE', platform.pceSvn, target.pceSvn),
    ...(platform.tdx && target.tdx ? componentShortfalls('tdx', target.tdx, platform.tdx, skipped) : []),
  ]
}

/** Of a part with one SVN. */
export function isvShortfalls(component: string, levels: readonly IsvTcbLevel[], isvSvn: number): Shortfall[] {
  const upToDate = levels.filter(({ status }) => status === 'UpToDate')
  const needed = Math.max(0, ...(upToDate.length > 0 ? upToDate : levels).map((level) => level.isvSvn))
  return shortfall(component, isvSvn, needed)
}

function componentShortfalls(name: string, needed: readonly TcbComponent[], found: readonly number[], from = 0): Shortfall[] {
  return needed.flatMap(({ svn, category, type }, i) => {
    const description = [type, category].filter((word) => word !== undefined).join(', ')
    return i < from ? [] : shortfall(`${name} ${i + 1}`, found[i] ?? 0, svn, description)
  })
}

function shortfall(component: string, found: number, needed: number, description = ''): Shortfall[] {
  if (found >= needed) return []
  return [{ component, ...(description !== '' && { description }), found, needed, short: needed - found }]
}
