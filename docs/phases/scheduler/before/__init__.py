"""naq's scheduler as it stood before the migration."""
