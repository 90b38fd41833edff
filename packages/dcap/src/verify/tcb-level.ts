/** Which TCB level a platform has reached (Intel PCS API v4, "Get TCB Info": how to determine the TCB status). */
import type { IsvTcbLevel, TcbInfo, TcbLevel } from '../collateral/tcb-info.ts'
import { worseStatus } from '../collateral/tcb-status.ts'

/** A platform's SVNs: the PCK certificate's, and for a TD the ones of its report. */
export interface PlatformTcb {
  sgx: readonly number[]
  pceSvn: number
  /** TEE_TCB_SVN of a TD's report. */
  tdx?: readonly number[]
}

export interface SelectedLevel {
  /** What the platform has reached in all components. */
  level: TcbLevel
  /** What it has reached by the SGX components and the PCE alone: the same one for SGX. */
  sgxLevel: TcbLevel
}

/** Highest first, whatever the order they came in; of equal ones the worst status first. */
export function sortLevels(levels: readonly TcbLevel[]): TcbLevel[] {
  return levels.toSorted(
    (a, b) =>
      compareSvns(svns(b.sgx), svns(a.sgx)) ||
      compareSvns(svns(b.tdx ?? []), svns(a.tdx ?? [])) ||
      b.pceSvn - a.pceSvn ||
      (worseStatus(a.status, b.status) === a.status ? -1 : 1),
  )
}

/** The highest level of which every component is reached; undefined if there is none. */
export function selectTcbLevel({ levels }: Pick<TcbInfo, 'levels'>, platform: PlatformTcb): SelectedLevel | undefined {
  const reached = sortLevels(levels).filter((level) => reaches(platform.sgx, svns(level.sgx)) && platform.pceSvn >= level.pceSvn)
  const [sgxLevel] = reached
  const { tdx } = platform
  const level = tdx === undefined ? sgxLevel : reached.find((one) => reaches(tdxFloor(tdx, tdx), tdxFloor(tdx, svns(one.tdx ?? []))))
  return level && sgxLevel && { level, sgxLevel }
}

/** The highest level of a software part that its SVN has reached. */
export function selectIsvLevel(levels: readonly IsvTcbLevel[], isvSvn: number): IsvTcbLevel | undefined {
  let best: IsvTcbLevel | undefined
  for (const level of levels) {
    if (level.isvSvn > isvSvn || (best && level.isvSvn < best.isvSvn)) continue
    if (best?.isvSvn === level.isvSvn && worseStatus(best.status, level.status) === best.status) continue
    best = level
  }
  return best
}

/** Where the TDX module has a version, its first two components are judged by the module's own identity instead. */
export function tdxFloor(platform: readonly number[], components: readonly number[]): readonly number[] {
  return components.slice((platform[1] ?? 0) > 0 ? 2 : 0)
}

export function svns(components: readonly { svn: number }[]): number[] {
  return components.map(({ svn }) => svn)
}

function reaches(have: readonly number[], need: readonly number[]): boolean {
  return need.every((svn, i) => (have[i] ?? -1) >= svn)
}

function compareSvns(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - (b[i] ?? -1)
    if (difference !== 0) return difference
  }
  return 0
}
