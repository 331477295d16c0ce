"""The files of the page, which travel with the package."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from llm_orc.serve.bundle import PAGE, bundled
from llm_orc.serve.refusal import refusal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

SCRIPT = "page.js"
_TYPES = {".css": "text/css", ".svg": "image/svg+xml"}
# Asked for again each time, and answered with 304: an upgrade must not meet the scripts of before.
_CACHE = {"cache-control": "no-cache"}


async def page(request: Request) -> Response:
    """The one page; its script reads from the path what to show."""
    from starlette.responses import FileResponse

    return FileResponse(PAGE / "index.html", headers=_CACHE)


async def asset(request: Request) -> Response:
    """The script, a style or a picture of the page."""
    from starlette.responses import FileResponse, Response

    if request.path_params["name"] == SCRIPT:
        text = bundled("main.js").encode()
        same = {"etag": f'"{sha256(text).hexdigest()[:32]}"', **_CACHE}
        if request.headers.get("if-none-match") == same["etag"]:
            return Response(status_code=304, headers=same)
        return Response(text, media_type="text/javascript", headers=same)
    file = PAGE / request.path_params["name"]
    if file.parent != PAGE or file.suffix not in _TYPES or not file.is_file():
        return refusal(404, "there is no such file")
    answer = FileResponse(file, headers=_CACHE, media_type=_TYPES[file.suffix], stat_result=file.stat())
    if request.headers.get("if-none-match") == answer.headers["etag"]:
        return Response(status_code=304, headers={"etag": answer.headers["etag"], **_CACHE})
    return answer
