/** The jobs of an appraisal worker. */
import type { Transferable } from 'node:worker_threads'
import { sm2VerifyHash } from '@vouchsafe/crypto/sm2'
import { CollateralError, parseQuote, readCollateralJson, verifyQuote, type QuoteReport } from '@vouchsafe/dcap'
import { parseCertificate } from '@vouchsafe/x509'
import { BaselineError, readBaseline } from '../reference-values/baseline-content.ts'
import { buildReferences } from '../reference-values/reference-index.ts'
import { referenceSets } from '../reference-values/references.ts'
import { verifierOf } from '../verifiers/index.ts'
import { EvidenceError, type Sm2Verify, type Verifier } from '../verifiers/verifier.ts'
import { evaluateExport, evaluatePolicy, PolicyError, PolicyTime, tryPolicy } from './evaluation.ts'
import type { Appraisal, AppraisalTask, Failure, Job, QuoteTask, Reply } from './task.ts'

/** The time for all policies of one appraisal, less than the hard stop. */
const POLICIES_MS = 5_000

/** A few milliseconds, at most once for each quote. */
const sm2Verify: Sm2Verify = ({ point, digest, signature }) => sm2VerifyHash(point, digest, signature)

/** Runs a job; the contents of `moved` may be transferred with the reply. Failures are replies too. */
export function perform(job: Job): { reply: Reply; moved: Transferable[] } {
  try {
    switch (job.name) {
      case 'appraise':
        return { reply: { output: appraiseWith(verifierOf(job.input.verifier), job.input) }, moved: [] }
      case 'try':
        tryPolicy(job.input)
        return { reply: { output: null }, moved: [] }
      case 'read-baseline': {
        const output = readBaseline(job.input)
        return { reply: { output }, moved: [output.digests.buffer as ArrayBuffer] }
      }
      case 'verify-quote':
        return { reply: { output: verifyQuoteWith(job.input) }, moved: [] }
      case 'build-references':
        return { reply: { output: buildReferences(job.input) }, moved: [] }
    }
  } catch (error) {
    return { reply: { failure: failureOf(error) }, moved: [] }
  }
}

/** Verifies evidence, then evaluates the export policy and the user's policies on the verifier's result. */
export function appraiseWith(verifier: Verifier | undefined, task: AppraisalTask): Appraisal {
  if (verifier === undefined) throw new EvidenceError(`there is no verifier of ${task.verifier}`)
  const { nodeId, qualifyingData, limits, references } = task
  const facts = { nodeId, qualifyingData, limits, references: references && referenceSets(references), sm2Verify }
  const { input, checks } = verifier.verify(task.evidence, facts)
  const time = new PolicyTime(POLICIES_MS)
  const exported = evaluateExport(task.exportPolicy, input, time)
  const results = task.policies.map((policy) => evaluatePolicy(policy, input, task.explain, time))
  return { exported, checks: task.explain ? checks() : [], results }
}

function verifyQuoteWith({ quote, collateral, at, roots, accept }: QuoteTask): QuoteReport {
  const inputs = { collateral: readCollateralJson(collateral), at: new Date(at), roots: roots.map((der) => parseCertificate(der)) }
  return verifyQuote(parseQuote(quote), { ...inputs, accept })
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof EvidenceError) return { kind: 'evidence', message }
  if (error instanceof PolicyError) return { kind: 'policy', message }
  if (error instanceof BaselineError || error instanceof CollateralError) return { kind: 'content', message }
  return { kind: 'internal', message: error instanceof Error ? (error.stack ?? message) : message }
}
