import { UsageError, columns, printable, timeText, wholeNumber } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import { dataDirectory, operate } from '../operator.ts'
import { moment } from '../moment.ts'

const PLANES = ['management', 'calls', 'all'] as const
const MAX_RECORDS = 10_000

interface AuditRecord {
  /** Where a change is in the trail. */
  epoch?: number
  position?: number
  at: number
  plane: 'management' | 'calls'
  actor: string
  action: string
  object: string
  result: string
  requestId: string
  detail?: unknown
}

/** The query, which has two names. */
export const queryCommand = (name: 'audit query' | 'trail query') =>
  command({
    name,
    args: [],
    summary: 'Show who did what: changes from the store, calls from the audit files of this data directory (operators)',
    options: {
      actor: { type: 'string', value: 'WHO', summary: "an appid, 'operator', 'enroll' or 'system'" },
      action: { type: 'string', value: 'ACTION', summary: 'such as CreateKey or Decrypt' },
      object: { type: 'string', value: 'ID', summary: "a key's id, a secret's name, an app's id" },
      result: { type: 'string', value: 'RESULT', summary: "'ok' or the code of an error" },
      request: { type: 'string', value: 'ID', summary: 'the id of a request' },
      since: { type: 'string', value: 'TIME', summary: 'from a time such as 2030-12-31T12:00Z, or an age such as 2h' },
      until: { type: 'string', value: 'TIME', summary: 'before a time' },
      plane: { type: 'string', value: 'PLANE', summary: `${PLANES.join(', ')} (default all)` },
      limit: { type: 'string', value: 'N', summary: 'how many, newest first (default 100)' },
      ...OPERATOR_OPTIONS,
    },
    async run(host, _args, values) {
      const plane = PLANES.find((each) => each === (values.plane ?? 'all'))
      if (plane === undefined) throw new UsageError(`--plane must be one of: ${PLANES.join(', ')}`)
      const limit = values.limit === undefined ? 100 : wholeNumber('limit', values.limit, 1, MAX_RECORDS)
      const filter = {
        actor: values.actor,
        action: values.action,
        object: values.object,
        result: values.result,
        requestId: values.request,
        since: values.since === undefined ? undefined : moment('since', values.since, host.now()),
        until: values.until === undefined ? undefined : moment('until', values.until, host.now()),
      }
      const query = new URLSearchParams({ limit: String(limit) })
      for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value))
      const { rows, keptFrom } = (await operate(host, values, 'GET', `/v1/audit?${query}`)) as unknown as {
        rows: AuditRecord[]
        keptFrom: { epoch: number; first: number; firstAt: number } | null
      }
      const changes = rows.map(({ detail, ...row }): AuditRecord => ({
        ...row,
        plane: 'management',
        ...(typeof detail === 'string' && { detail: JSON.parse(detail) as unknown }),
      }))
      // Only now: asked for the changes, the server has written down all calls that it has answered.
      const { queryCallLog } = await import('@vouchsafe/server')
      const calls = plane === 'management' ? [] : await queryCallLog(await dataDirectory(host, values), filter, limit)
      const records = [...(plane === 'calls' ? [] : changes.reverse()), ...calls.map((call): AuditRecord => ({ ...call, plane: 'calls' }))]
        .sort((a, b) => a.at - b.at)
        .slice(-limit)
      const table = records.map(({ at, actor, action, object, result }) => [
        timeText(at),
        ...[actor, action, object, result].map(printable),
      ])
      // Only where the question goes further back than what is kept.
      const isCut = keptFrom !== null && (filter.since ?? 0) < keptFrom.firstAt && records.length < limit
      return {
        json: { records, keptFrom },
        text:
          (table.length === 0 ? '' : columns([['TIME', 'ACTOR', 'ACTION', 'OBJECT', 'RESULT'], ...table])) +
          (isCut ? `What is kept begins at ${timeText(keptFrom.firstAt)}: older entries were removed.\n` : ''),
      }
    },
  })

export const auditCommands = [queryCommand('audit query')]
