"""naq's events as they stood before the migration."""
