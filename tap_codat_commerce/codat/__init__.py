"""Codat over HTTP. Knows nothing of Singer, so that the tap and the workflow commands can share it."""
