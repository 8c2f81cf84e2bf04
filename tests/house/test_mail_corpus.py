"""The corpus of odd messages: its size, its licences, its generator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "corpus"


def test_the_corpus_is_large_and_mostly_foreign() -> None:
    """At least 300 messages, at least half of those not made by our own generator, and small enough to
    clone."""
    own = list((CORPUS / "generated").glob("*.eml"))
    foreign = [path for path in CORPUS.glob("*/*.eml") if path.parent.name != "generated"]
    assert len(foreign) >= 150
    assert len(own) + len(foreign) >= 300
    assert sum(path.stat().st_size for path in [*own, *foreign]) < 8 << 20


def test_every_folder_names_its_source_and_licence() -> None:
    """NOTICE has a paragraph for each folder."""
    notice = (CORPUS / "NOTICE").read_text()
    for folder in CORPUS.iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert f"\n{folder.name}/" in notice, folder.name


def test_the_generator_makes_what_is_kept() -> None:
    """generated/ is exactly what generate.py writes, so that the corpus can be reasoned about."""
    done = subprocess.run([sys.executable, str(CORPUS / "generate.py"), "--check"], check=False)
    assert done.returncode == 0


def test_lines_end_in_crlf() -> None:
    """Foreign messages came with LF; all but those that mean to be odd are CRLF now (checkout did not
    change them)."""
    for path in CORPUS.glob("*/*.eml"):
        message = path.read_bytes()
        if path.parent.name != "generated":
            assert message.count(b"\n") == message.count(b"\r\n"), path.name
