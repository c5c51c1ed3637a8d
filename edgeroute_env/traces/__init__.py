"""Everything that the router cannot influence, drawn from a seed or read from recordings."""
