import { operation, resultSchema, STRING } from '../operation.ts'

export const serviceOperations = [
  operation({
    name: 'GetVersion',
    right: null,
    summary: "Returns the server's version and its quote provider.",
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
    summary: 'Creates an app and returns its appid and API key; the API key is shown only once.',
    method: 'GET',
    permission: 'enrolment',
    payloadRequired: false,
    fields: {},
    result: resultSchema({ appid: STRING, apikey: STRING }),
    handle: (_input, call, { apps, enrolment }) => apps.enroll(call, { ...enrolment, token: call.enrollToken }),
  }),
]
