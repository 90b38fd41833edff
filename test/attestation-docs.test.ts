// What the documents of the attestation authority tell a reader to run; see docs.test.ts.
import { testExamples } from './support/examples.ts'

for (const document of ['docs/attestation-service.md', 'docs/key-manager.md', 'docs/attest-a-machine.md']) testExamples(document)
