"""Looking at jobs: those of a state, one of them with its history, and how many ended when."""

from naq.inspection.details import JobDetails, job_details
from naq.inspection.listing import JobPage, list_jobs

__all__ = ["JobDetails", "JobPage", "job_details", "list_jobs"]
