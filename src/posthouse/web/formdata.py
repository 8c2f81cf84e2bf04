"""What a form sent. Size and time are bounded before it comes here (``http.doors``, ``http.connection``)."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request

MAX_FIELDS = 2000
KIND = "application/x-www-form-urlencoded"


class BadForm(Exception):
    """The body is no form of ours; the text says why in plain words, ``status`` for HTTP."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


async def read_form(request: Request) -> dict[str, list[str]]:
    """The values of each field. Raises BadForm."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != KIND:
        raise BadForm(f"The form came as {kind[:80] or 'nothing'}, not as {KIND}.", 415)
    body = await request.body()
    try:
        return parse_qs(
            body.decode(),
            keep_blank_values=True,
            max_num_fields=MAX_FIELDS,
            errors="strict",
            encoding="utf-8",
        )
    except ValueError:
        raise BadForm("The form cannot be read: it is not UTF-8, or has too many fields.", 400) from None
