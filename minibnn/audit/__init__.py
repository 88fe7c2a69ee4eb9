"""The audit: every labelled gradient of the package, judged twice."""
