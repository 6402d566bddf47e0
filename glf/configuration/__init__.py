"""How gin is read: kept apart from the caller's own, with every binding looked at."""
