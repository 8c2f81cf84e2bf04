"""The commands of IMAP, one module each: ``async def run(session, command) -> None`` (see
``access.imap.contract``)."""
