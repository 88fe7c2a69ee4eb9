"""The audit: every labelled gradient of the package, judged twice."""

from minibnn.audit.verify import verify

__all__ = ["verify"]
