"""Records as they are written: one line of text, a zone file, and the fields of the providers' web forms.

How a name is typed differs: with the domain or without it, with a dot at the end or without, the priority in a
field of its own or before the value, TXT in quotes or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from posthouse.manage.dns_wanted import Wanted

_LONGEST = 255
"""Octets of one character-string of a TXT record (RFC 1035 3.3)."""


class FormField(msgspec.Struct, frozen=True):
    """One field of a provider's form, and what to type into it."""

    label: str
    value: str


class FormRecord(msgspec.Struct, frozen=True):
    """One record as the form wants it."""

    type: str
    fields: list[FormField]


class ProviderForm(msgspec.Struct, frozen=True):
    """All records for one provider. ``hint`` says what is peculiar there."""

    key: str
    name: str
    hint: str
    records: list[FormRecord]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider's form is filled in. ``apex`` is what stands for the domain itself, ``value_labels``
    are labels of the value for some types, ``dot`` whether host
    names in values end with a dot, ``quoted`` whether TXT has its quotes, ``priority_field`` whether MX and SRV
    priorities have a field, ``srv_fields`` whether an SRV record's parts have one each, ``srv_split``
    whether service and protocol do, ``caa_fields`` the same for CAA."""

    key: str
    name: str
    apex: str
    hint: str
    name_label: str = "Name"
    value_label: str = "Value"
    value_labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    dot: bool = False
    quoted: bool = False
    priority_field: bool = True
    srv_fields: bool = True
    srv_split: bool = False
    caa_fields: bool = True


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        key="cloudflare",
        name="Cloudflare",
        apex="@",
        value_label="Content",
        value_labels={
            "A": "IPv4 address",
            "AAAA": "IPv6 address",
            "CNAME": "Target",
            "MX": "Mail server",
        },
        hint="Set the proxy status of all these records to “DNS only”: the proxy does not carry mail.",
    ),
    Provider(
        key="route53",
        name="Amazon Route 53",
        apex="",
        name_label="Record name",
        quoted=True,
        priority_field=False,
        srv_fields=False,
        caa_fields=False,
        hint="The domain is appended to the record name; leave it empty for the domain itself.",
    ),
    Provider(
        key="hetzner",
        name="Hetzner DNS",
        apex="@",
        dot=True,
        quoted=True,
        priority_field=False,
        srv_fields=False,
        caa_fields=False,
        hint="Host names in values need their dot at the end, else the domain is appended to them.",
    ),
    Provider(
        key="gandi",
        name="Gandi LiveDNS",
        apex="@",
        dot=True,
        quoted=True,
        priority_field=False,
        srv_fields=False,
        caa_fields=False,
        hint="Host names in values need their dot at the end. “Edit as text” takes the whole zone file.",
    ),
    Provider(
        key="ovh",
        name="OVHcloud",
        apex="",
        name_label="Sub-domain",
        value_label="Target",
        dot=True,
        hint="Leave the sub-domain empty for the domain itself. Host names need their dot at the end. “Change in text "
        "format” takes the zone file's lines.",
    ),
    Provider(
        key="godaddy",
        name="GoDaddy",
        apex="@",
        hint="An SRV record asks for service and protocol in fields of their own.",
        srv_split=True,
    ),
    Provider(
        key="namecheap",
        name="Namecheap",
        apex="@",
        name_label="Host",
        srv_split=True,
        hint="Choose “Custom MX” under “Mail Settings” before the MX record can be entered.",
    ),
    Provider(
        key="desec",
        name="deSEC",
        apex="",
        name_label="Subname",
        value_label="Content",
        dot=True,
        quoted=True,
        priority_field=False,
        srv_fields=False,
        caa_fields=False,
        hint="Leave the subname empty for the domain itself. Host names need their dot at the end.",
    ),
)


def text_line(record: Wanted) -> str:
    """One line for people: ``example.org  3600  MX  10 mail.example.org``."""
    return f"{record.name}  {record.ttl}  {record.type}  {shown(record)}"


def shown(record: Wanted) -> str:
    """The value with its priority, unquoted."""
    return f"{record.priority} {record.value}" if record.priority >= 0 else record.value


def zone_file(domain: str, records: Sequence[Wanted]) -> str:
    """The domain's records as a zone file (RFC 1035 5.1), each with its reason above. What belongs elsewhere (PTR)
    stands as comments at the end."""
    lines = [
        f"; Records of {domain} for mail. Add them to the domain's zone.",
        f"$ORIGIN {domain}.",
    ]
    for record in records:
        if not record.elsewhere:
            lines += ["", *_comment(record.why), _zone_line(record)]
    for record in records:
        if record.elsewhere:
            lines += ["", *_comment(record.why), "; " + _zone_line(record)]
    return "\n".join(lines) + "\n"


def provider_forms(domain: str, records: Sequence[Wanted]) -> list[ProviderForm]:
    """What to type at each provider."""
    here = [record for record in records if not record.elsewhere]
    return [
        ProviderForm(
            provider.key, provider.name, provider.hint, [_form(provider, domain, record) for record in here]
        )
        for provider in PROVIDERS
    ]


def quoted(text: str) -> str:
    """The value of a TXT record in a zone file: strings of at most 255 octets, in quotes, octets beyond ASCII and
    control characters as ``\\ddd``."""
    data = text.encode()
    pieces = [data[start : start + _LONGEST] for start in range(0, len(data), _LONGEST)] or [b""]
    return " ".join('"' + "".join(map(_escaped, piece)) + '"' for piece in pieces)


def _escaped(octet: int) -> str:
    if octet in (0x22, 0x5C):
        return "\\" + chr(octet)
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"


def _comment(why: str) -> list[str]:
    import textwrap

    return [f"; {line}" for line in textwrap.wrap(why, 100)]


def _zone_line(record: Wanted) -> str:
    return f"{record.name}. {record.ttl} IN {record.type} {_full_value(record, dot=True, quotes=True)}"


def _full_value(record: Wanted, *, dot: bool, quotes: bool) -> str:
    """Priority and value as one."""
    value = _value(record, dot=dot, quotes=quotes)
    return f"{record.priority} {value}" if record.priority >= 0 else value


def _value(record: Wanted, *, dot: bool, quotes: bool) -> str:
    if record.type == "TXT":
        return quoted(record.value) if quotes else record.value
    if record.type in ("MX", "CNAME", "SRV", "PTR") and dot:
        return record.value + "."
    return record.value


def relative(name: str, domain: str, apex: str) -> str:
    """A name without the domain."""
    return apex if name == domain else name.removesuffix("." + domain)


def _form(provider: Provider, domain: str, record: Wanted) -> FormRecord:
    name = relative(record.name, domain, provider.apex)
    value_label = provider.value_labels.get(record.type, provider.value_label)
    if record.type == "SRV" and provider.srv_fields:
        return FormRecord(record.type, _srv_fields(provider, name, record))
    fields = [FormField(provider.name_label, name)]
    if record.type == "CAA" and provider.caa_fields:
        flags, tag, authority = record.value.split(" ", 2)
        fields += [
            FormField("Flags", flags),
            FormField("Tag", tag),
            FormField("Certificate authority", authority.strip('"')),
        ]
    elif record.priority >= 0 and provider.priority_field:
        value = _value(record, dot=provider.dot, quotes=provider.quoted)
        fields += [FormField("Priority", str(record.priority)), FormField(value_label, value)]
    else:
        value = _full_value(record, dot=provider.dot, quotes=provider.quoted)
        fields.append(FormField(value_label, value))
    fields.append(FormField("TTL", str(record.ttl)))
    return FormRecord(record.type, fields)


def _srv_fields(provider: Provider, name: str, record: Wanted) -> list[FormField]:
    weight, port, target = record.value.split(" ")
    fields = [FormField(provider.name_label, name)]
    if provider.srv_split:
        service, protocol, *rest = name.split(".")
        fields = [
            FormField("Service", service),
            FormField("Protocol", protocol),
            FormField(provider.name_label, ".".join(rest) or provider.apex),
        ]
    return [
        *fields,
        FormField("Priority", str(record.priority)),
        FormField("Weight", weight),
        FormField("Port", port),
        FormField("Target", target + "." if provider.dot else target),
        FormField("TTL", str(record.ttl)),
    ]
