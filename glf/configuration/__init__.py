"""The reading of gin: kept apart from the caller's own, with every binding looked at."""
