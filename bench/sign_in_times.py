"""Whether the time of a wrong sign-in tells who exists: medians for accounts, names that nobody has, and accounts whose
hash came from another server, each asked in turn. ``python bench/sign_in_times.py [TRIES]`` (1,000 by default).

The directory is asked directly, with real hashes and without the delays that wrong tries earn: the network would only
add noise to what is compared. It prints; nothing is decided by it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import structlog

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.database.migrate import migrate
from posthouse.database.open import open_database
from posthouse.database.urls import sqlite_url
from posthouse.directory import admin, foreign_hashes
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.settings.contract import CurrentSettings, Settings

MD5 = "5ebe2294ecd0e0f08eab7690d2a6ee69"
WHO = {"an account": "here", "an imported hash": "md5", "nobody": "nobody"}


async def furnish(database: Database, passwords: Passwords) -> None:
    own = await passwords.make("a password of some length")
    md5 = await passwords.take_over(foreign_hashes.parse("md5", MD5))

    def op(tx: Transaction) -> None:
        admin.add_domain(tx, "bench.test")
        admin.add_account(tx, "here@bench.test", own)
        admin.add_account(tx, "md5@bench.test", md5)

    await database.run(op)


async def main(tries: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "bench.db")
        migrate(url)
        database = await open_database(url, upgrade=False)
        passwords = Passwords(1)
        settings = CurrentSettings(Settings({"signin.longest_delay": 0.0}))
        service = DirectoryService(database, LocalFeed(), settings, passwords)
        await furnish(database, passwords)
        times: dict[str, list[float]] = {who: [] for who in WHO}
        for number in range(tries):
            for who, name in WHO.items():
                begun = time.perf_counter()
                done = await service.sign_in(
                    f"{name}@bench.test", f"wrong {number}", peer="", protocol="imap"
                )
                times[who].append(time.perf_counter() - begun)
                assert done.account is None
        service.close()
        await database.close()
    base = statistics.median(times["an account"])
    for who, found in times.items():
        median = statistics.median(found)
        print(
            f"{who:>18}: median {median * 1000:7.2f} ms, {(median / base - 1) * 100:+5.2f} % of an account's"
        )


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
