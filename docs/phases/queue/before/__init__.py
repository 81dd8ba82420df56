"""naq's queue as it stood before the migration."""
