import { operation, resultSchema, STRING } from '../operation.ts'

export const serviceOperations = [
  operation({
    name: 'GetVersion',
    right: null,
    summary: 'The version of the server, and who makes its quotes.',
    method: 'GET',
    permission: 'public',
    payloadRequired: false,
    fields: {},
    result: resultSchema({ version: STRING, git_sha: STRING, quoteProvider: STRING }),
    handle: (_input, _call, { version }) => version,
  }),
  operation({
    name: 'Enroll',
    right: null,
    summary: 'Makes a new app and gives its appid and API key; the API key is shown this once.',
    method: 'GET',
    permission: 'enrolment',
    payloadRequired: false,
    fields: {},
    result: resultSchema({ appid: STRING, apikey: STRING }),
    handle: (_input, call, { apps, enroll }) => apps.enroll(call, { ...enroll, token: call.enrollToken }),
  }),
]
