"""naq's command line as it stood before the migration."""
