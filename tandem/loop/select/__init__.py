"""Which model answers a task well enough, on the team's own rows, at the least cost."""
