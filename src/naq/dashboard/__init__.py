"""The dashboard, on starlette and uvicorn (the extra ``dashboard``)."""

from naq.dashboard.app import create_app

__all__ = ["create_app"]
