"""naq's utilities for connections as they stood before the migration."""
