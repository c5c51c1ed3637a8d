"""Paired runs of routers on identical traces, their figures and what they are worth."""
