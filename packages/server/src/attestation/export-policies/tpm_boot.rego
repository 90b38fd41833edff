# What tokens say of tpm_boot evidence, beside how the user's policies decided.
package verification

import rego.v1

log := input.evidence.logs[0]

result := {
	"secure_boot": input.evidence.secure_boot,
	"is_log_valid": log.is_log_valid,
	"pcrs": input.evidence.pcrs,
	# Events whose digests the quote covers, while those digests don't cover the events' data.
	"uncovered_events": log.uncovered_events,
}
