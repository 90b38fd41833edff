import { EHSM } from '@vouchsafe/operations'
import { operation, resultSchema, STRING } from '../operation.ts'

export const serviceOperations = [
  operation(EHSM.GetVersion, {
    fields: {},
    result: resultSchema({ version: STRING, git_sha: STRING, quoteProvider: STRING }),
    handle: (_input, _call, { version }) => version,
  }),
  operation(EHSM.Enroll, {
    fields: {},
    result: resultSchema({ appid: STRING, apikey: STRING }),
    handle: (_input, call, { apps, enroll }) => apps.enroll(call, { ...enroll, token: call.enrollToken }),
  }),
]
