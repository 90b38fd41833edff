import type { CollateralAge } from './report.ts'

const DAY = 86_400_000

/** Something with dates that a verification rests on. */
export interface Dated {
  name: string
  from: Date
  to: Date
}

export function collateralAge({ name, from, to }: Dated, at: Date): CollateralAge {
  return {
    name,
    issued: from.toISOString(),
    expires: to.toISOString(),
    ageDays: Math.floor((at.getTime() - from.getTime()) / DAY),
    daysLeft: Math.floor((to.getTime() - at.getTime()) / DAY),
  }
}

/** Whether all of them hold at a time. */
export function allCurrent(parts: readonly Dated[], at: Date): boolean {
  return parts.every(({ from, to }) => from <= at && at <= to)
}
