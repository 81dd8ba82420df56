"""naq's dashboard as it stood before the migration."""
