"""Everything the router can influence: one compiled turn and the state it works on."""
