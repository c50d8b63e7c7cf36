"""The command line: sending records, and operating what was deployed."""
