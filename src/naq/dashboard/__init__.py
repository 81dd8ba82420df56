"""The dashboard, on starlette and uvicorn (the extra ``dashboard``)."""
