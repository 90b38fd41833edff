/** Entry of an appraisal worker thread: one job at a time, one reply each. */
import { parentPort } from 'node:worker_threads'
import { perform } from './jobs.ts'
import type { Job } from './task.ts'

parentPort!.on('message', (job: Job) => {
  const { reply, moved } = perform(job)
  parentPort!.postMessage(reply, moved)
})
