"""`pstream dead-letters`: find out why, mend, replay. The core is `replayer`."""
