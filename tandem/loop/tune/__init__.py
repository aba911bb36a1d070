"""Fine-tuning of the small model: from labelled rows to a LoRA adapter that llama.cpp serves."""
