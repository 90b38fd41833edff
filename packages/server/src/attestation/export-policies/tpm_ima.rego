# What tokens say of tpm_ima evidence, beside how the user's policies decided.
package verification

import rego.v1

log := input.evidence.logs[0]

result := {
	"is_log_valid": log.is_log_valid,
	"log_status": log.log_status,
	"ref_value_match_status": log.ref_value_match_status,
	"pcrs": input.evidence.pcrs,
	"entries": count(log.log_data.logs),
	"unmatched_entries": log.unmatched_entries,
	"unauthenticated_entries": log.unauthenticated_entries,
	"violations": log.violations,
	"boot_aggregate": log.boot_aggregate,
	"weak_digests": count(weak),
}

# Matched by SHA-1 or less.
weak contains i if {
	some i, entry in log.log_data.logs
	entry.weak_digest
}
