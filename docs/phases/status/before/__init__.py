"""naq's status of workers as it stood before the migration."""
