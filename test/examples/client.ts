// What the examples of packages/client take for granted: a server, and an app's credentials there.
import { VouchsafeClient } from '@vouchsafe/client'
import { startTestServer } from '@vouchsafe/testkit/server'

const server = await startTestServer()
export const baseUrl = server.url
export const { appid, apikey } = await VouchsafeClient.enroll({ baseUrl })

export async function close(): Promise<void> {
  await server[Symbol.asyncDispose]()
}
