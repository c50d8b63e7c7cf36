"""The command line, and what it drives."""
