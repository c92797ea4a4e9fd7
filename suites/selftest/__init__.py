"""The suite's own tests; collected only when named, so that `pytest suites/` is the conformance run."""
