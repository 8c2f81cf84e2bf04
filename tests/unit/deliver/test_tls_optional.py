"""``TLS-Required: No``: the author would rather have the message arrive than encrypted (RFC 8689 5)."""

from __future__ import annotations

import pytest
from memory_bodies import MemoryBody
from test_remote_delivery import BODY, THERE, Scene, scene

from posthouse.deliver.remote.contract import TlsPolicy
from posthouse.deliver.remote.parcel import is_tls_optional
from posthouse.deliver.results import Said
from posthouse.route.contract import Target, Way
from posthouse.settings.contract import CurrentSettings, Settings

__all__ = ["scene"]

NO = MemoryBody(b"Subject: x\r\nTLS-Required: No\r\n\r\nhello\r\n")
UNKNOWN = Said(451, "4.7.5", "the TLSA records cannot be validated")


def say_so(scene: Scene) -> None:
    """The message of the scene bears the field."""
    scene.bodies.kept[BODY.digest] = NO.data
    scene.world.policies["mx.there.test"] = UNKNOWN


@pytest.mark.parametrize(
    ("header", "optional"),
    [
        (b"TLS-Required: No\r\n\r\n", True),
        (b"Subject: x\r\ntls-required:no\r\n\r\n", True),
        (b"TLS-Required:\r\n no\r\n\r\n", True),
        (b"TLS-Required: Yes\r\n\r\n", False),
        (b"Subject: TLS-Required: No\r\n\r\n", False),
        (b"X-TLS-Required: No\r\n\r\n", False),
        (b"", False),
    ],
)
def test_the_field(header: bytes, optional: bool) -> None:
    assert is_tls_optional(header) is optional


async def test_what_the_domain_demands_does_not_hold_it_up(scene: Scene) -> None:
    say_so(scene)
    await scene.put(THERE)
    await scene.attempt()
    assert scene.world.sent == [("mx.there.test", [THERE])]
    assert scene.world.called_with == [TlsPolicy("may")]


async def test_without_the_field_it_waits(scene: Scene) -> None:
    scene.world.policies["mx.there.test"] = UNKNOWN
    await scene.put(THERE)
    await scene.attempt()
    assert scene.world.sent == []


async def test_requiretls_goes_before_it(scene: Scene) -> None:
    say_so(scene)
    await scene.put(THERE, require_tls=True)
    await scene.attempt()
    assert scene.world.sent == []


async def test_a_route_of_ours_goes_before_it(scene: Scene) -> None:
    say_so(scene)
    scene.world.ways["there.test"] = Way(
        "mx:there.test", "there.test", (Target("mx.there.test"),), security="starttls"
    )
    await scene.put(THERE)
    await scene.attempt()
    assert scene.world.sent == []


async def test_our_own_setting_holds(scene: Scene) -> None:
    say_so(scene)
    scene.remote._settings = CurrentSettings(Settings({"tls_out.default": "encrypt"}))
    await scene.put(THERE)
    await scene.attempt()
    assert scene.world.called_with == [TlsPolicy("encrypt", source="setting")]
