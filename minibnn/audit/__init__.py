"""The audit: every labelled gradient of the package, judged twice."""

from minibnn.audit import examples_b
