"""What was seen: renderings of result files. Nothing here plays a case, and only `specs` is imported."""
