"""One command from the stored fits and policies to docs/results.md and the README's table."""
