"""The model against published figures, theory and recordings: what `edgeroute validate` writes."""
