"""Passwords are prepared, hashed and turned into SCRAM keys."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2 import PasswordHasher
from hashing import CountingHasher

from posthouse.directory.passwords import SCRAM_ITERATIONS, Passwords, scram_keys
from posthouse.directory.saslprep import MAX_PASSWORD, prepare


@pytest.mark.parametrize(
    ("typed", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("caf\u0065\u0301", "café"),
        ("no\u00a0break", "no break"),
        ("🔑🔑", "🔑🔑"),
        ("\u0627\u0628", "\u0627\u0628"),
    ],
)
def test_the_same_password_typed_differently_is_one(typed: str, prepared: str) -> None:
    """The examples of RFC 4013 section 3, and what keyboards really send."""
    assert prepare(typed) == prepared


@pytest.mark.parametrize(
    "password",
    ["", "\u00ad", "tab\t", "bell\x07", "nul\0", "\ud800", "\u0627\u0031", "a\u0627", "x" * 1025, "ä" * 513],
)
def test_passwords_that_cannot_be_relied_on_are_refused_without_being_shown(password: str) -> None:
    """Control characters, lone surrogates, mixed directions, nothing at all and far too much."""
    with pytest.raises(ValueError) as refused:
        prepare(password)
    assert not password or password not in str(refused.value)
    assert not isinstance(refused.value, UnicodeError)


def test_the_longest_password_is_allowed() -> None:
    """The limit itself is within the limit."""
    assert len(prepare("x" * MAX_PASSWORD)) == MAX_PASSWORD


def test_scram_keys_are_those_of_the_rfc() -> None:
    """The example exchange of RFC 7677 section 3: user "user", password "pencil"."""
    import base64
    import hashlib
    import hmac

    keys = scram_keys("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = hmac.digest(keys.server_key, message, "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client_signature = hmac.digest(keys.stored_key, message, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, client_signature, strict=True))
    assert hashlib.sha256(client_key).digest() == keys.stored_key


async def test_real_argon2_hashes_verify() -> None:
    """What is stored is Argon2id, verifies for the same password however typed, and for no other."""
    passwords = Passwords(1, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    made = await passwords.make("caf\u0065\u0301")
    assert made.password_hash.startswith("$argon2id$")
    assert made.scram.iterations == SCRAM_ITERATIONS
    assert await passwords.verify(made.password_hash, "café")
    assert not await passwords.verify(made.password_hash, "cafe")
    assert not await passwords.verify(made.password_hash, "bell\x07")
    assert not await passwords.verify("no hash at all", "café")
    passwords.close()


async def test_every_verification_costs_one_hash() -> None:
    """An unknown account and an impossible password cost what a wrong one costs."""
    hasher = CountingHasher()
    passwords = Passwords(1, hasher)
    for stored, password in (
        ("plain$a", "b"),
        (None, "b"),
        ("plain$a", "\x07"),
        (None, "\x07"),
        (None, "x" * 9999),
    ):
        before = hasher.verified
        assert not await passwords.verify(stored, password)
        assert hasher.verified == before + 1
    assert hasher.hashed == 1  # the stand-in, made once
    passwords.close()


async def test_only_so_many_hashes_run_at_once() -> None:
    """The pool is the limit: ten sign-ins on a pool of two never have three hashes under way."""
    running = most = 0
    lock = threading.Lock()
    go = threading.Event()

    class Slow(CountingHasher):
        def verify(self, hash: str, password: str) -> bool:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            go.wait(0.02)
            with lock:
                running -= 1
            return True

    passwords = Passwords(2, Slow())
    assert all(await asyncio.gather(*(passwords.verify("x", "y") for _ in range(10))))
    assert most == 2
    passwords.close()
