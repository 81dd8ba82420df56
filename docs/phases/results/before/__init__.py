"""naq's results of jobs as they stood before the migration."""
