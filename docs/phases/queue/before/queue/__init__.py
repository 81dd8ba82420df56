"""The queue: one job, many jobs, jobs for later."""
