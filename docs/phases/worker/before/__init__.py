"""naq's worker as it stood before the migration."""
