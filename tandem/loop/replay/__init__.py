"""The ledger's past under other settings: what can be said exactly, estimated, or not at all."""
