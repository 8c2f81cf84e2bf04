"""Real directories on loopback: OpenLDAP's slapd, and a Samba domain controller in a network of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trustme
from free_ports import free_port

BASE = "dc=corp,dc=test"
READER = f"cn=reader,{BASE}"
READER_PASSWORD = "reads everything"
PASSWORD = "Passw0rd! of all"

_CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/own.pem
TLSCertificateKeyFile {folder}/own.key
database mdb
suffix "dc=corp,dc=test"
rootdn "cn=root,dc=corp,dc=test"
rootpw root
directory {folder}/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=corp,dc=test" read by * none
"""


def _certificates(folder: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    own = ca.issue_cert("127.0.0.1", "localhost")
    own.cert_chain_pems[0].write_to_path(str(folder / "own.pem"))
    own.private_key_pem.write_to_path(str(folder / "own.key"))
    os.chmod(folder / "own.key", 0o600)
    trustme.CA().cert_pem.write_to_path(str(folder / "other-ca.pem"))


def person(name: str, **more: str) -> str:
    """An entry of inetOrgPerson."""
    values = {
        "sn": name.title(),
        "cn": name.title(),
        "mail": f"{name}@corp.test",
        "userPassword": PASSWORD,
        **more,
    }
    lines = [f"dn: uid={name},ou=people,{BASE}", "objectClass: inetOrgPerson", f"uid: {name}"]
    return "\n".join(lines + [f"{key}: {value}" for key, value in values.items() if value]) + "\n"


def group(name: str, *members: str) -> str:
    """An entry of groupOfNames."""
    lines = [f"dn: cn={name},ou=groups,{BASE}", "objectClass: groupOfNames", f"cn: {name}"]
    return "\n".join(lines + [f"member: uid={each},ou=people,{BASE}" for each in members]) + "\n"


class Slapd:
    """OpenLDAP with some people: ``change`` them with LDIF, ``stop`` and ``start`` it, ``close`` it."""

    def __init__(self, *entries: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ph-slapd-"))
        self.port, self.tls_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "db").mkdir()
        _certificates(self.folder)
        (self.folder / "slapd.conf").write_text(_CONFIG.format(folder=self.folder))
        top = [
            f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Corp\ndc: corp\n",
            f"dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n",
            f"dn: ou=groups,{BASE}\nobjectClass: organizationalUnit\nou: groups\n",
            f"dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n"
            f"userPassword: {READER_PASSWORD}\n",
        ]
        text = "\n".join([*top, *entries])
        add = ["slapadd", "-f", str(self.folder / "slapd.conf")]
        subprocess.run(add, input=text.encode(), check=True, capture_output=True)

    @property
    def ca_file(self) -> str:
        """The authority of its certificate."""
        return str(self.folder / "ca.pem")

    def start(self) -> None:
        """Start it and wait until it answers."""
        where = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        self._process = subprocess.Popen(
            ["slapd", "-f", str(self.folder / "slapd.conf"), "-h", where, "-d", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait(self.tls_port)

    def change(self, ldif: str) -> None:
        """Change entries as their owner may not."""
        subprocess.run(
            [
                "ldapmodify",
                "-x",
                "-H",
                f"ldap://127.0.0.1:{self.port}",
                "-D",
                f"cn=root,{BASE}",
                "-w",
                "root",
            ],
            input=ldif.encode(),
            check=True,
            capture_output=True,
        )

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)
            self._process = None

    def close(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


_FILL = """
import json, sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
config, names, password, disabled, groups = json.load(sys.stdin)
lp = LoadParm()
lp.load(config)
sam = SamDB(session_info=system_session(), lp=lp)
for name, address in names.items():
    sam.newuser(name, password, mailaddress=address, givenname=name.title())
for name in disabled:
    sam.disable_account("(sAMAccountName=%s)" % name)
for name, member in groups.items():
    sam.newgroup(name)
    sam.add_remove_group_members(name, [member], add_members_operation=True)
"""
"""One process for all of it: each samba-tool takes seconds to start."""

_SERVICE = """
import json, sys
from samba import enable_net_export_keytab
from samba.auth import system_session
from samba.credentials import Credentials
from samba.net import Net
from samba.param import LoadParm
from samba.samdb import SamDB
import ldb
config, name, password, principals, keytab = json.load(sys.stdin)
lp = LoadParm()
lp.load(config)
sam = SamDB(session_info=system_session(), lp=lp)
sam.newuser(name, password)
[entry] = sam.search(expression="(sAMAccountName=%s)" % name, attrs=[])
change = ldb.Message(entry.dn)
for attribute, values in (("servicePrincipalName", principals), ("msDS-SupportedEncryptionTypes", ["24"])):
    change[attribute] = ldb.MessageElement(values, ldb.FLAG_MOD_REPLACE, attribute)
sam.modify(change)
sam.setpassword("(sAMAccountName=%s)" % name, password)
enable_net_export_keytab()
creds = Credentials()
creds.guess(lp)
net = Net(creds, lp)
for principal in principals:
    net.export_keytab(keytab=keytab, principal=principal)
"""

_RELAY = """
import socket, sys, threading
listener = socket.socket(fileno=int(sys.argv[1]))
port = int(sys.argv[2])
def pump(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    for each in (one, other):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
while True:
    here, _ = listener.accept()
    try:
        there = socket.create_connection(("127.0.0.1", port), 2)
        there.settimeout(None)
    except OSError:
        here.close()
        continue
    for pair in ((here, there), (there, here)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


class SambaDomain:
    """An Active Directory domain, ``AD.CORP.TEST``, of a Samba domain controller. It takes ports below 1024, so it runs
    in a network of its own; ``port`` leads to its LDAPS, ``kdc`` to its Kerberos (TCP)."""

    base = "DC=ad,DC=corp,DC=test"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ph-samba-"))
        _certificates(self.folder)
        self.port = self.kdc = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "domain", "provision", "--realm=AD.CORP.TEST", "--domain=ADCORP", "--server-role=dc",
            "--dns-backend=SAMBA_INTERNAL", f"--adminpass={PASSWORD}", f"--targetdir={self.folder / 'ad'}",
            "--host-ip=127.0.0.1", "--host-name=dc1", "--option=interfaces=lo",
            "--option=bind interfaces only=yes",
        )  # fmt: skip
        self.config = self.folder / "ad" / "etc" / "smb.conf"
        lines = []
        for line in self.config.read_text().splitlines():
            if "dns forwarder" not in line:
                lines.append(line)
            if line.strip() == "[global]":
                lines += [
                    "dns forwarder = 127.0.0.1",
                    "tls enabled = yes",
                    *(f"tls {key} = {self.folder / name}" for key, name in _SAMBA_TLS),
                ]
        self.config.write_text("\n".join(lines) + "\n")

    @property
    def ca_file(self) -> str:
        """The authority of its certificate."""
        return str(self.folder / "ca.pem")

    def fill(self, names: dict[str, str], disabled: list[str], groups: dict[str, str]) -> None:
        """Users by name with their addresses, all with :data:`PASSWORD`; groups, each with one member."""
        wanted = json.dumps([str(self.config), names, PASSWORD, disabled, groups])
        subprocess.run(
            ["/usr/bin/python3", "-c", _FILL], input=wanted.encode(), check=True, capture_output=True
        )

    def add_service(self, name: str, principals: list[str]) -> Path:
        """A user that services run as, with their principals; the keytab with their keys (one for all services)."""
        keytab = self.folder / "services.keytab"
        password = f"{PASSWORD} {name}"
        wanted = json.dumps([str(self.config), name, password, principals, str(keytab)])
        subprocess.run(
            ["/usr/bin/python3", "-c", _SERVICE], input=wanted.encode(), check=True, capture_output=True
        )
        return keytab

    def start(self) -> None:
        """Start it and wait until it answers."""
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.port, self.kdc = (each.getsockname()[1] for each in listeners)
        relay = self.folder / "relay.py"
        relay.write_text(_RELAY)
        relays = "".join(
            f"{sys.executable} {relay} {each.fileno()} {port} & "
            for each, port in zip(listeners, (636, 88), strict=True)
        )
        script = f"ip link set lo up; {relays} exec samba -s {self.config} -F --no-process-group"
        with (self.folder / "samba.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "-n", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                pass_fds=[each.fileno() for each in listeners],
            )
        for each in listeners:
            each.close()
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        context = ssl.create_default_context(cafile=self.ca_file)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with (
                    socket.create_connection(("127.0.0.1", self.port), 2) as plain,
                    context.wrap_socket(plain, server_hostname="127.0.0.1"),
                ):
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError((self.folder / "samba.log").read_text(errors="replace")[-2000:])

    def close(self) -> None:
        """End everything it started and remove its files."""
        if self._process is not None:
            self._process.kill()  # the kernel ends whatever is in its process namespace
            self._process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *words: str) -> None:
        done = subprocess.run(["samba-tool", *words], capture_output=True, check=False, env=_HASTY)
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])


_HASTY = {**os.environ, "TDB_NO_FSYNC": "1"}
"""Nobody needs this directory after a power cut."""

_SAMBA_TLS = (("keyfile", "own.key"), ("certfile", "own.pem"), ("cafile", "ca.pem"))


def _wait(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("it does not answer")
