"""How a route of the API is declared: method, path and the use it translates to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Route:
    """One route under ``/api/v1``.

    ``path`` has its parameters in braces, named as the fields of the use's parameter Struct
    (``/accounts/{address}``). Other fields come from the query (GET, DELETE) or from the JSON body. ``status`` is
    what a success answers (a stream: always 200). ``stream``: values the use emits are sent as server-sent events
    (``text/event-stream``) or, with ``media_type``, as the raw bytes of its Pieces. ``items`` names the list in the
    result where the answer is a page of one. ``etag``: the answer carries an ETag; a change of the same path honours
    If-Match. ``fixed`` are parameters that the route itself sets. ``body_field`` may also be given as the whole body,
    with the content type ``body_type``; the other fields then come from the query.
    """

    method: Method
    path: str
    use: str
    tag: str
    status: int = 200
    stream: bool = False
    media_type: str = ""
    items: str = ""
    etag: bool = False
    fixed: dict[str, object] = field(default_factory=dict)
    body_field: str = ""
    body_type: str = ""
