"""What mail programs and other servers fetch at fixed places: Thunderbird's autoconfig, Outlook's autodiscover,
Apple's profile, and the MTA-STS policy (RFC 8461 3.2).

All answer for our domains only, and the same whether an account exists or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.parsers import expat
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from posthouse.http.names import host_of
from posthouse.http.well_known import Handler, WellKnown
from posthouse.manage import client_settings, dns_wanted, oauth_rules, setup_facts
from posthouse.manage.client_settings import MailService, Services
from posthouse.manage.context import Context
from posthouse.settings import dns as settings_dns

MAX_XML = 16 * 1024
"""Bytes of an autodiscover request; Outlook's own have about 400."""
_LONGEST = 320

_ENVELOPE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_SCHEMA = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"


def register(places: WellKnown, context: Context) -> None:
    """Let all of them answer."""
    here = _Places(context)
    xml = here.autoconfig
    plain: Mapping[str, Handler] = {
        "/mail/config-v1.1.xml": xml,
        "/.well-known/autoconfig/mail/config-v1.1.xml": xml,
    }
    for path, handler in plain.items():
        places.add(path, handler)
    for folder in ("/autodiscover/autodiscover", "/Autodiscover/Autodiscover", "/AutoDiscover/AutoDiscover"):
        places.add(f"{folder}.xml", here.autodiscover, plain_ok=False)
        places.add(f"{folder}.json", here.autodiscover_json, plain_ok=False)
        places.add(f"{folder}.json/", here.autodiscover_json, plain_ok=False)
    places.add(client_settings.PROFILE_PLACE, here.profile, plain_ok=False)
    places.add("/.well-known/mta-sts.txt", here.policy, plain_ok=False)


class _Places:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def autoconfig(self, request: Request) -> Response:
        """Thunderbird and others: by the address in the query, else by the host name asked."""
        address = request.query_params.get("emailaddress", "")[:_LONGEST]
        domain = address.rpartition("@")[2] or _below(request, "autoconfig")
        services = await client_settings.for_domain(self._context, domain)
        if services is None:
            return _nothing()
        metadata = oauth_rules.metadata(self._context) if oauth_rules.serving(self._context) else {}
        return Response(_autoconfig(services, metadata), media_type="text/xml")

    async def autodiscover(self, request: Request) -> Response:
        """Outlook, POX: the address stands in the body."""
        if request.method != "POST":
            return PlainTextResponse("Send a POST with an Autodiscover request.\n", 405, {"Allow": "POST"})
        try:
            address = email_in(await _body(request))
        except ValueError as error:
            return PlainTextResponse(f"This is no Autodiscover request: {error}.\n", 400)
        services = await client_settings.for_domain(self._context, address.rpartition("@")[2])
        if services is None:
            return Response(_not_ours(), media_type="text/xml")
        return Response(_outlook(services, address), media_type="text/xml")

    async def autodiscover_json(self, request: Request) -> Response:
        """Outlook, JSON: says where the POX form is."""
        last = request.url.path.rpartition("/")[2]
        address = (request.query_params.get("Email") or (last if "@" in last else ""))[:_LONGEST]
        protocol = request.query_params.get("Protocol", "")
        if protocol.lower() != "autodiscoverv1":
            return JSONResponse(
                {"ErrorCode": "ProtocolNotSupported", "ErrorMessage": "Only AutodiscoverV1 is spoken here."},
                400,
            )
        if await client_settings.for_domain(self._context, address.rpartition("@")[2]) is None:
            return _nothing()
        url = f"https://{self._own_host(request, address.rpartition('@')[2])}/autodiscover/autodiscover.xml"
        return JSONResponse({"Protocol": "AutodiscoverV1", "Url": url})

    def _own_host(self, request: Request, domain: str) -> str:
        """The host that was asked where that is one of the domain or our own; never just what the request says."""
        asked, own = request.headers.get("host", ""), setup_facts.host_name(self._context)
        return asked if host_of(asked) in (own, f"autodiscover.{domain.lower()}", domain.lower()) else own

    async def profile(self, request: Request) -> Response:
        """The profile for Apple's devices."""
        address = request.query_params.get("address", "")[:_LONGEST].strip()
        local, at, domain = address.rpartition("@")
        services = await client_settings.for_domain(self._context, domain) if at else None
        if services is None or not local or not address.isprintable():
            return _nothing()
        made = await client_settings.profile_for(self._context, address, services)
        headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(made.name)}"}
        return Response(made.data, media_type="application/x-apple-aspen-config", headers=headers)

    async def policy(self, request: Request) -> Response:
        """The MTA-STS policy of the domain whose ``mta-sts.`` host was asked."""
        services = await client_settings.for_domain(self._context, _below(request, "mta-sts"))
        if services is None:
            return _nothing()
        now = self._context.settings.now
        mode, max_age = now[settings_dns.MTA_STS_MODE], now[settings_dns.MTA_STS_MAX_AGE]
        host = setup_facts.host_name(self._context)
        return PlainTextResponse(dns_wanted.policy_text(host, mode, max_age))


def _below(request: Request, label: str) -> str:
    """The domain whose ``label`` host was asked for; "" for any other host."""
    host = host_of(request.headers.get("host", ""))
    return host.removeprefix(label + ".") if host.startswith(label + ".") else ""


def _nothing() -> Response:
    return PlainTextResponse("There is nothing here for that domain.\n", 404)


async def _body(request: Request) -> bytes:
    """The body, read to its end (the doors bound it): closing on unread bytes would reset the connection before the
    answer is seen. Raises ValueError when it is longer than a request is."""
    data = b""
    async for piece in request.stream():
        data += piece[: MAX_XML + 1 - len(data)]
    if len(data) > MAX_XML:
        raise ValueError("it is too long")
    return data


def email_in(xml: bytes) -> str:
    """The address in an Autodiscover request. No document type, so no entities. Raises ValueError."""
    texts: list[str] = []
    inside: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        inside.append(name.rpartition(" ")[2])
        if len(inside) > 16:
            raise ValueError("it is nested too deeply")

    def end(name: str) -> None:
        inside.pop()

    def text(data: str) -> None:
        if inside and inside[-1] == "EMailAddress":
            texts.append(data)

    def document_type(*_: object) -> None:
        raise ValueError("it has a document type")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = document_type
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise ValueError(f"the XML is broken ({error})") from None
    address = "".join(texts).strip()
    if "@" not in address or len(address) > _LONGEST or not address.isprintable():
        raise ValueError("it names no mail address")
    return address


def _autoconfig(services: Services, oauth: Mapping[str, Any]) -> str:
    tokens = bool(oauth)
    servers = "".join(_server("incomingServer", one, tokens) for one in services.incoming) + "".join(
        _server("outgoingServer", one, tokens) for one in services.outgoing
    )
    domain = escape(services.domain)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<clientConfig version="1.1">\n'
        f'  <emailProvider id="{domain}">\n    <domain>{domain}</domain>\n'
        f"    <displayName>{domain}</displayName>\n    <displayShortName>{domain}</displayShortName>\n"
        f"{servers}  </emailProvider>\n{_oauth(oauth) if tokens else ''}</clientConfig>\n"
    )


def _oauth(metadata: Mapping[str, Any]) -> str:
    """Where to sign in by a page in the browser, for the programs that read it."""
    return (
        f"  <oAuth2>\n    <issuer>{escape(metadata['issuer'])}</issuer>\n"
        f"    <scope>{escape(' '.join(metadata['scopes_supported']))}</scope>\n"
        f"    <authURL>{escape(metadata['authorization_endpoint'])}</authURL>\n"
        f"    <tokenURL>{escape(metadata['token_endpoint'])}</tokenURL>\n  </oAuth2>\n"
    )


def _server(element: str, service: MailService, tokens: bool) -> str:
    socket = "SSL" if service.tls == "implicit" else "STARTTLS"
    return (
        f'    <{element} type="{service.protocol}">\n      <hostname>{escape(service.host)}</hostname>\n'
        f"      <port>{service.port}</port>\n      <socketType>{socket}</socketType>\n"
        "      <authentication>password-cleartext</authentication>\n"
        f"{'      <authentication>OAuth2</authentication>' + chr(10) if tokens else ''}"
        f"      <username>%EMAILADDRESS%</username>\n    </{element}>\n"
    )


def _outlook(services: Services, address: str) -> str:
    seen: dict[str, MailService] = {}
    for one in [*services.incoming, *services.outgoing]:
        seen.setdefault(one.protocol, one)
    protocols = "".join(_protocol(one, address) for one in seen.values())
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<Autodiscover xmlns="{_ENVELOPE}">\n<Response xmlns="{_SCHEMA}">\n'
        f"<User><DisplayName>{escape(address)}</DisplayName></User>\n"
        f"<Account><AccountType>email</AccountType><Action>settings</Action>\n{protocols}</Account>\n"
        "</Response>\n</Autodiscover>\n"
    )


def _protocol(service: MailService, address: str) -> str:
    implicit = service.tls == "implicit"
    # SSL on means TLS from the start; Encryption tells newer versions which kind it is.
    return (
        f"<Protocol><Type>{service.protocol.upper()}</Type><Server>{escape(service.host)}</Server>"
        f"<Port>{service.port}</Port><DomainRequired>off</DomainRequired><LoginName>{escape(address)}</LoginName>"
        f"<SPA>off</SPA><SSL>{'on' if implicit else 'off'}</SSL><Encryption>{'SSL' if implicit else 'TLS'}</Encryption>"
        "<AuthRequired>on</AuthRequired></Protocol>\n"
    )


def _not_ours() -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<Autodiscover xmlns="{_ENVELOPE}">\n'
        '<Response><Error Time="00:00:00" Id="0"><ErrorCode>500</ErrorCode>'
        "<Message>The address is not in a domain of this server.</Message><DebugData/></Error></Response>\n"
        "</Autodiscover>\n"
    )
