"""An episode as a file that others open: an HTML page to scrub, or a trace for Perfetto."""
