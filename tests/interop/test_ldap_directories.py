"""Sign-in by real directories: OpenLDAP, and a domain controller of Active Directory (Samba)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
from ldap_servers import BASE, PASSWORD, READER, READER_PASSWORD, SambaDomain, Slapd, group, person

from posthouse.directory.errors import DirectoryError
from posthouse.directory.ldap_source import LdapSource
from posthouse.directory.sources_config import Details, SourceConfig, check
from posthouse.net.ldap import LdapConnection, LdapUnavailable, parse_url

ANNA = "anna@corp.test"


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    server = Slapd(
        person("anna", givenName="Anna", displayName="Anna Arndt"),
        person("bert"),
        person("cleo", mail="cleo@elsewhere.test"),
        person("dora (x)*", mail="dora@corp.test"),
        group("staff", "anna", "bert", "gone"),
        f"dn: cn=unix,ou=groups,{BASE}\nobjectClass: posixGroup\ncn: unix\ngidNumber: 9\nmemberUid: bert\n",
    )
    try:
        server.start()
        yield server
    finally:
        server.close()


def config_of(slapd: Slapd, **changed: object) -> SourceConfig:
    details = Details(
        servers=[f"ldaps://127.0.0.1:{slapd.tls_port}"],
        ca_file=slapd.ca_file,
        domains=["corp.test"],
        bind_dn=READER,
        search_base=f"ou=people,{BASE}",
        timeout=3,
    )
    details = msgspec.structs.replace(details, **changed)
    return check(SourceConfig("corp", "ldap", True, details, READER_PASSWORD))


async def answer(config: SourceConfig, password: str = PASSWORD, login: str = ANNA) -> str:
    return (await LdapSource(config).check(login, password)).answer


@pytest.mark.needs("slapd")
async def test_openldap_by_search_and_bind(slapd: Slapd) -> None:
    found = await LdapSource(config_of(slapd)).check(ANNA, PASSWORD)
    assert (found.answer, found.address) == ("accept", ANNA)
    assert found.facts == {"display_name": "Anna Arndt", "first_name": "Anna", "last_name": "Anna"}
    assert await answer(config_of(slapd), "wrong") == "refuse"
    assert await answer(config_of(slapd), login="nobody@corp.test") == "not mine"
    assert await answer(config_of(slapd), login="*@corp.test") == "not mine"


@pytest.mark.needs("slapd")
async def test_openldap_by_template_and_start_tls(slapd: Slapd) -> None:
    start = [f"ldap://127.0.0.1:{slapd.port}"]
    by_name = config_of(slapd, servers=start, bind_template="uid={user},ou=people," + BASE, bind_dn="")
    assert await answer(by_name) == "accept"
    assert await answer(by_name, "wrong") == "refuse"
    assert await answer(by_name, login="anna,ou=people@corp.test") == "refuse"
    assert await answer(by_name, login="dora (x)*@corp.test") == "accept"
    assert await answer(config_of(slapd, servers=start, plain=True)) == "accept"


@pytest.mark.needs("slapd")
async def test_a_certificate_that_is_not_good_is_refused(slapd: Slapd) -> None:
    strange = str(slapd.folder / "other-ca.pem")
    for server in (f"ldaps://127.0.0.1:{slapd.tls_port}", f"ldap://127.0.0.1:{slapd.port}"):
        found = await LdapSource(config_of(slapd, servers=[server], ca_file=strange)).check(ANNA, PASSWORD)
        assert found.answer == "unavailable"
        assert "certificate" in found.reason


@pytest.mark.needs("slapd")
async def test_the_next_server_is_asked(slapd: Slapd) -> None:
    servers = ["ldaps://127.0.0.1:1", f"ldaps://127.0.0.1:{slapd.tls_port}"]
    source = LdapSource(config_of(slapd, servers=servers))
    assert (await source.check(ANNA, PASSWORD)).answer == "accept"
    assert (await source.check(ANNA, PASSWORD)).answer == "accept"
    assert await answer(replace(config_of(slapd), secret="not it")) == "unavailable"


@pytest.mark.needs("slapd")
async def test_openldap_tells_who_there_is(slapd: Slapd) -> None:
    staff, unix = f"cn=staff,ou=groups,{BASE}", f"cn=unix,ou=groups,{BASE}"
    config = config_of(slapd, maps=[f"{staff} => group:staff", f"{unix} => list:unix@corp.test"])
    found = await LdapSource(config).people()
    assert sorted(found.people) == [ANNA, "bert@corp.test", "dora@corp.test"]
    assert found.groups == {staff: {ANNA, "bert@corp.test"}, unix: {"bert@corp.test"}}
    assert ["cleo" in each for each in found.left] == [True]
    missing = config_of(slapd, maps=[f"cn=nobody,{BASE} => group:staff"])
    with pytest.raises(LdapUnavailable, match="no group"):
        await LdapSource(missing).people()


@pytest.mark.needs("slapd")
async def test_large_answers_come_in_pages_and_have_an_end(slapd: Slapd) -> None:
    line = await LdapConnection.open(parse_url(f"ldap://127.0.0.1:{slapd.port}"), None)
    try:
        assert (await line.bind(READER, READER_PASSWORD)).code == 0
        with pytest.raises(LdapUnavailable, match="more than 2"):
            await line.search(BASE, "(objectClass=*)", ["cn"], most=2)
    finally:
        line.abort()


# --- Active Directory ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def domain() -> Iterator[SambaDomain]:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("a domain controller needs root")
    server = SambaDomain()
    try:
        names = {name: f"{name}@corp.test" for name in ("anna", "bert", "cleo")}
        server.fill(names, ["bert"], {"Readers": "anna", "Everybody": "Readers"})
        server.start()
        yield server
    finally:
        server.close()


def of_domain(domain: SambaDomain, **changed: object) -> SourceConfig:
    details = Details(
        servers=[f"ldaps://127.0.0.1:{domain.port}"],
        ca_file=domain.ca_file,
        domains=["corp.test"],
        bind_dn="Administrator@ad.corp.test",
        search_base=domain.base,
        search_filter="(&(objectCategory=person)(|(mail={address})(sAMAccountName={user})))",
        sync_filter="(&(objectCategory=person)(objectClass=user)(mail=*))",
    )
    details = msgspec.structs.replace(details, **changed)
    return check(SourceConfig("ad", "ldap", True, details, PASSWORD))


@pytest.mark.timeout(400)  # making a domain takes long on a busy machine
@pytest.mark.needs("samba", "samba-tool", "unshare", "ip")
async def test_active_directory(domain: SambaDomain) -> None:
    source = LdapSource(of_domain(domain))
    found = await source.check(ANNA, PASSWORD)
    assert (found.answer, found.address, found.facts["first_name"]) == ("accept", ANNA, "Anna")
    wrong = await source.check(ANNA, "wrong")
    assert (wrong.answer, wrong.reason) == ("refuse", "wrong password")
    off = await source.check("bert@corp.test", PASSWORD)
    assert (off.answer, off.reason) == ("refuse", "the account is disabled")
    assert (await source.check("nobody@corp.test", PASSWORD)).answer == "not mine"

    by_name = LdapSource(of_domain(domain, bind_template="{user}@ad.corp.test", bind_dn=""))
    assert (await by_name.check(ANNA, PASSWORD)).answer == "accept"
    assert (await by_name.check(ANNA, "wrong")).answer == "refuse"
    short = LdapSource(of_domain(domain, bind_template="ADCORP\\{user}", bind_dn=""))
    assert (await short.check(ANNA, PASSWORD)).answer == "accept"


@pytest.mark.timeout(400)  # making a domain takes long on a busy machine
@pytest.mark.needs("samba", "samba-tool", "unshare", "ip")
async def test_active_directory_tells_who_there_is(domain: SambaDomain) -> None:
    everybody = f"CN=Everybody,CN=Users,{domain.base}"
    staff = await LdapSource(of_domain(domain, maps=[f"{everybody} => group:all"], nested=True)).people()
    assert {each: staff.people[each].active for each in sorted(staff.people)} == {
        ANNA: True,
        "bert@corp.test": False,
        "cleo@corp.test": True,
    }
    assert staff.groups == {everybody: {ANNA}}


def test_the_traps_are_closed() -> None:
    with pytest.raises(DirectoryError, match="plain"):
        check(SourceConfig("x", "ldap", True, Details(servers=["ldaps://h"], plain=True, search_base="dc=x")))
