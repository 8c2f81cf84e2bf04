"""Adds icons to the sprite of the web pages, from an unpacked npm package bootstrap-icons:

python tools/icons.py FOLDER/icons NAME...
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SPRITE = Path(__file__).parent.parent / "src/posthouse/web/static/icons.svg"
SYMBOL = re.compile(r'<symbol id="([^"]+)".*?</symbol>')


def symbol(folder: Path, name: str) -> str:
    """One icon as a symbol."""
    found = re.search(r"<svg[^>]*>(.*)</svg>", (folder / f"{name}.svg").read_text(), re.DOTALL)
    if found is None:
        raise SystemExit(f"{name}.svg is no icon")
    inner = re.sub(r">\s+<", "><", found[1].strip().replace("\n", ""))
    return f'<symbol id="{name}" viewBox="0 0 16 16" fill="currentColor">{inner}</symbol>'


def main() -> None:
    """Add the named ones; the sprite stays in order of names."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    known = {match[1]: match[0] for match in SYMBOL.finditer(SPRITE.read_text())}
    known |= {name: symbol(folder, name) for name in names}
    lines = ['<svg xmlns="http://www.w3.org/2000/svg">', *(known[name] for name in sorted(known)), "</svg>"]
    SPRITE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
