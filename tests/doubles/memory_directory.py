"""A directory of a few accounts with plain passwords."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from posthouse.directory.contract import Account, ScramKeys, SignIn, Target
from posthouse.mail.address import Address
from posthouse.wire.sasl.contract import CheckDigest, CheckTicket, Step, Work
from posthouse.wire.sasl.cram_md5 import is_right, key_of


class MemoryDirectory:
    """Accounts by address. ``down`` makes it unable to answer; ``delay`` is what failures cost."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self.passwords = passwords
        self.accounts = {
            address: Account(number, 1, address, 0) for number, address in enumerate(passwords, 1)
        }
        self.tokens: dict[str, Account] = {}
        self.context: Callable[[], Any] | None = None
        self.host = ""
        self.down = False
        self.delay = 0.0

    async def sign_in(self, login: str, password: str, *, peer: str, protocol: str) -> SignIn:
        if self.down:
            return SignIn(None, "down", temporary=True)
        if self.passwords.get(login.lower()) == password:
            return SignIn(self.accounts[login.lower()])
        return SignIn(None, "wrong", self.delay)

    async def scram_keys(self, login: str) -> tuple[Account | None, ScramKeys]:
        salt = b"0123456789abcdef"
        password = self.passwords.get(login, "made up " + login)
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
        client = hmac.digest(salted, b"Client Key", "sha256")
        server = hmac.digest(salted, b"Server Key", "sha256")
        keys = ScramKeys(salt, 4096, hashlib.sha256(client).digest(), server)
        return self.accounts.get(login), keys

    async def scram_sha1_keys(self, login: str) -> tuple[Account | None, ScramKeys]:
        raise NotImplementedError

    def scram_announced(self) -> bool:
        return True

    def tokens_taken(self) -> bool:
        return bool(self.tokens)

    async def sign_in_token(
        self, kind: str, token: str, login_hint: str, *, peer: str, protocol: str
    ) -> tuple[SignIn, bytes]:
        account = self.tokens.get(token)
        if account is None or (login_hint and login_hint != account.address):
            return SignIn(None, "bad token"), b'{"status":"invalid_token"}'
        return SignIn(account), b""

    async def sign_in_certificate(
        self, certificate: bytes, authzid: str, *, peer: str, protocol: str
    ) -> SignIn:
        return SignIn(None, "no certificates here")

    def tickets(self, protocol: str) -> Callable[[], Any] | None:
        return self.context

    async def carry(self, work: Work) -> Step:
        return work.run()

    async def sign_in_ticket(self, shown: CheckTicket, *, peer: str, protocol: str) -> SignIn:
        account = self.accounts.get(shown.principal.lower())
        if account is None or shown.authzid not in ("", account.address):
            return SignIn(None, shown.reason or "somebody else", self.delay, shown.temporary)
        return SignIn(account)

    def cram_md5_host(self) -> str:
        return self.host

    async def sign_in_digest(self, shown: CheckDigest, *, peer: str, protocol: str) -> SignIn:
        password = self.passwords.get(shown.login)
        if password is not None and is_right(key_of(password.encode()), shown):
            return SignIn(self.accounts[shown.login])
        return SignIn(None, "wrong", self.delay)

    def client_named(self, account: Account, client: str, *, peer: str, protocol: str) -> None:
        pass

    async def record_scram(
        self, login: str, account: Account | None, ok: bool, *, peer: str, protocol: str
    ) -> SignIn:
        return SignIn(account) if ok else SignIn(None, "wrong", self.delay)

    async def target(self, address: Address) -> Target:
        raise NotImplementedError

    async def postmaster(self, domain: str) -> Account | None:
        raise NotImplementedError

    async def account(self, account_id: int) -> Account | None:
        return next((one for one in self.accounts.values() if one.id == account_id), None)

    async def is_local_domain(self, domain: str) -> bool:
        return any(address.endswith("@" + domain) for address in self.accounts)
