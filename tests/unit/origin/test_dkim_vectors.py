"""The examples that the standards print: RFC 8463 appendix A, RFC 6376 3.4.5."""

from __future__ import annotations

import base64
import hashlib

import pytest

from posthouse.origin.canonical import BodyHash, body_hash, relaxed_field
from posthouse.origin.dkim import Verification
from posthouse.origin.signature import KeyAnswer

BRISBANE = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
TEST = (
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"
    "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kr"
    "yOTIKT+l/K4w3QIDAQAB"
)
MESSAGE = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")

ANSWERS = {
    "brisbane._domainkey.football.example.com": KeyAnswer("found", (BRISBANE,)),
    "test._domainkey.football.example.com": KeyAnswer("found", (TEST,)),
}


def test_the_message_of_rfc_8463_verifies_by_both_keys() -> None:
    checking = Verification(MESSAGE, 1528637909.0)
    assert set(checking.questions) == set(ANSWERS)
    results = checking.results(ANSWERS)
    assert [(each.state, each.algorithm, each.bits) for each in results] == [
        ("pass", "ed25519-sha256", 256),
        ("pass", "rsa-sha256", 1024),
    ]
    assert results[0].identity == "@football.example.com"


@pytest.mark.parametrize(
    ("old", "new", "state"),
    [
        (b"hungry", b"angry", "fail"),
        (b"Subject: Is", b"Subject: Was", "fail"),
        (b"Subject: Is", b"Subject:   Is  ", "pass"),
        (b"game.  Are", b"game. \t Are", "pass"),
        (b"Joe.\r\n", b"Joe.\r\n\r\n\r\n", "pass"),
        (b"Joe.\r\n", b"Joe.\r\n.\r\n", "fail"),
        (b"Message-ID", b"MESSAGE-Id", "pass"),
        (b"\r\n\r\nHi", b"\r\nSubject: two\r\n\r\nHi", "fail"),
        (b"\r\n\r\nHi", b"\r\nTo: two@example.org\r\n\r\nHi", "fail"),
    ],
)
def test_what_may_change_on_the_way_and_what_may_not(old: bytes, new: bytes, state: str) -> None:
    results = Verification(MESSAGE.replace(old, new, 1), 1528637909.0).results(ANSWERS)
    assert {each.state for each in results} == {state}


def test_the_fields_and_the_body_of_rfc_6376() -> None:
    assert relaxed_field(b"A", b" X") == b"a:X"
    assert relaxed_field(b"B ", b" Y\t\r\n\tZ  ") == b"b:Y Z"
    body = b" C \r\nD \t E\r\n\r\n\r\n"
    assert body_hash(body, 0, "relaxed") == (hashlib.sha256(b" C\r\nD E\r\n").digest(), 9)
    assert body_hash(body, 0, "simple") == (hashlib.sha256(b" C \r\nD \t E\r\n").digest(), 12)


@pytest.mark.parametrize(
    ("form", "body", "digest"),
    [
        ("simple", b"", "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="),
        ("relaxed", b"", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("simple", b"\r\n\r\n", "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="),
        ("relaxed", b" \t\r\n\r\n", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ],
)
def test_the_hashes_of_empty_bodies_in_rfc_6376(form: str, body: bytes, digest: str) -> None:
    hashing = BodyHash(form)  # type: ignore[arg-type]
    hashing.update(body)
    assert base64.b64encode(hashing.digest()).decode() == digest
