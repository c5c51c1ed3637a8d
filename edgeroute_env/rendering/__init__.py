"""Pictures of a running episode; nothing here is imported before something is drawn."""
