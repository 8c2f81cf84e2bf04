"""Looks a second time at tests that failed beside others:

    python tools/second_look.py

The tests start servers, databases and browsers by the dozen, on machines that may be busy. One that fails there is run
once more, alone. If it passes, the run counts as passed and the test is named as unsteady, to be mended. No second look
is given to more than a handful at a time (that is no accident any more; the cases of one test share what they fail by
and count once), nor to the tests of what must never be lost or let in: for those one failure is one too many.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CACHE = Path(".pytest_cache/v/cache/lastfailed")
MOST = 5
NEVER = ("tests/crash/", "tests/fuzz/", "tests/house/", "tests/unit/wire/", "tests/unit/mail/")
"""Where chance has no part, or where chance is what is looked for."""


def main() -> int:
    """Exit code 0: all that failed passed alone."""
    try:
        failed = sorted(json.loads(CACHE.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return 1
    for_good = [name for name in failed if name.startswith(NEVER) or "::" not in name]
    tests = {name.partition("[")[0] for name in failed}
    if not failed or for_good or len(tests) > MOST:
        return 1
    print(f"== a second look at {len(failed)} of the tests, alone:", *failed, sep="\n     ", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *failed]
    code = subprocess.run(command, check=False).returncode  # noqa: S603 - our own tests
    if code == 0:
        print("== UNSTEADY: failed beside others and passed alone:", *failed, sep="\n     ", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
