"""A report of benchmark results: figures and one page that needs no network."""
