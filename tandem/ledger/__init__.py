"""What happened and what it cost: a row a run, a row an attempt."""
