# What tokens say of tpm_boot evidence, beside how the user's policies decided.
package verification

import rego.v1

log := input.evidence.logs[0]

result := {
	"secure_boot": input.evidence.secure_boot,
	"is_log_valid": log.is_log_valid,
	"pcrs": input.evidence.pcrs,
	"uncovered_events": count(uncovered),
}

# Events whose digests the quote covers, and whose data those digests don't cover: what their data says is anybody's word.
uncovered contains event.event_number if {
	some event in log.log_data
	event.authenticated
	event.digest_covers_data == false
}
