"""The files that pages load: served under an address that changes with their content, so that browsers keep them
for ever."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

FOLDER = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _files() -> dict[str, bytes]:
    """Every file by its path below the folder. They are few and small, and only these can be asked for."""
    return {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file() and path.suffix in {*TYPES, ".png", ".ico", ".txt"}
    }


@cache
def version() -> str:
    """One digest over all files: modules import one another by relative names, and stay together."""
    digest = hashlib.sha256()
    for name, content in _files().items():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def address(name: str) -> str:
    """Where a page finds this file. Raises KeyError for one that is not there."""
    _files()[name]
    return f"/static/{version()}/{name}"


async def serve(request: Request) -> Response:
    """Answer with a file. An address of an older version gets today's file, but may not keep it."""
    name = request.path_params["name"]
    content = _files().get(name)
    if content is None:
        return PlainTextResponse("There is no such file.\n", 404)
    suffix = "." + name.rpartition(".")[2]
    kind = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    current = request.path_params["version"] == version()
    headers = {"Cache-Control": FOR_EVER if current else "no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=kind, headers=headers)
