"""Real requests: two OpenAI-compatible servers measured, simulated and compared."""
