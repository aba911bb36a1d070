"""The task `research`: typed questions, small readings, an answer with checked citations."""
