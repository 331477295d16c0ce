"""A door: HTTP. The live page of runs; starlette and uvicorn come with the extra `serve`."""
