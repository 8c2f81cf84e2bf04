"""``python -m bench.dkim``: signing and verifying, Posthouse and dkimpy in turn in one process, medians and ratios.

5 KB and 1 MB bodies with runs of blanks (the worst honest case for the relaxed form), RSA-2048 and Ed25519; no DNS.
"""

from __future__ import annotations

import base64
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from posthouse.origin.dkim import SigningKey, Verification, sign
from posthouse.origin.keys import make_key, record_of
from posthouse.origin.signature import KeyAnswer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "doubles"))

from system_dkimpy import load

dkim: Any = load()  # Debian: python3-dkim and python3-authres

HEADER = (
    b"Received: from a.example by b.example; Mon, 23 Nov 2026 02:18:06 +0000\r\nFrom: Ann <ann@example.org>\r\n"
    b"To: bob@example.net\r\nSubject: Figures\r\nDate: Mon, 23 Nov 2026 02:18:06 +0000\r\n"
    b"Message-ID: <1@example.org>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
)
LINE = b"Some words of a letter,   with a run of blanks and an end of line\r\n"
SIZES = {"5 KB": 5_000, "1 MB": 1_000_000}
ROUNDS = 9


def measured(works: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Milliseconds of one call, the median of rounds in which the works take turns."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            began = time.perf_counter()
            for _ in range(times):
                work()
            found[name].append((time.perf_counter() - began) / times * 1000)
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    """Measure and print."""
    rsa, ed = make_key("rsa-sha256"), make_key("ed25519-sha256")
    records = {
        f"{name}._domainkey.example.org": record_of(key.algorithm, key.public)
        for name, key in (("r", rsa), ("e", ed))
    }
    answers = {name: KeyAnswer("found", (record,)) for name, record in records.items()}
    ours = {"RSA": [SigningKey("example.org", "r", rsa)], "Ed25519": [SigningKey("example.org", "e", ed)]}
    ours["both"] = [*ours["RSA"], *ours["Ed25519"]]
    secrets = {
        "RSA": (b"r", rsa.pem.encode(), b"rsa-sha256"),
        "Ed25519": (b"e", base64.b64encode(ed.key.private_bytes_raw()), b"ed25519-sha256"),
    }

    def dns(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().rstrip(".")].encode()

    def theirs_signed(message: bytes, kind: str) -> bytes:
        selector, key, algorithm = secrets[kind]
        made: bytes = dkim.sign(
            message,
            selector,
            b"example.org",
            key,
            canonicalize=(b"relaxed", b"relaxed"),
            signature_algorithm=algorithm,
        )
        return made

    now = time.time()

    def ours_verified(message: bytes) -> object:
        return Verification(message, now).results(answers)

    print(f"{'':28}{'Posthouse':>12}{'dkimpy':>12}{'ratio':>8}   (milliseconds, median of {ROUNDS} rounds)")
    for size, octets in SIZES.items():
        message = HEADER + LINE * (octets // len(LINE))
        times = 50 if octets < 100_000 else 3
        for kind in ("RSA", "Ed25519", "both"):
            works: dict[str, Callable[[], object]] = {"ours": partial(sign, message, ours[kind], now)}
            if kind != "both":
                works["theirs"] = partial(theirs_signed, message, kind)
            _line(f"sign {size} {kind}", measured(works, times))
        for kind in ("RSA", "Ed25519"):
            signed = sign(message, ours[kind], now) + message
            _line(
                f"verify {size} {kind}",
                measured(
                    {
                        "ours": partial(ours_verified, signed),
                        "theirs": partial(dkim.verify, signed, dnsfunc=dns),
                    },
                    times,
                ),
            )


def _line(what: str, found: dict[str, float]) -> None:
    theirs = found.get("theirs")
    rest = f"{theirs:12.3f}{theirs / found['ours']:7.1f}x" if theirs else ""
    print(f"{what:28}{found['ours']:12.3f}{rest}", flush=True)


if __name__ == "__main__":
    main()
