"""What a log of LLM calls holds: its workloads, what they cost, and which an SLM could do."""
