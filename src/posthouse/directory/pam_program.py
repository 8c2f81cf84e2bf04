"""Asks PAM about one password: ``python -m posthouse.directory.pam_program SERVICE``, login and password as lines on
standard input. Ends with 0 (yes), 1 (no), 2 (nobody of this name) or 3 (PAM cannot tell). Linux and other systems with
libpam; run as root, or as a user whom the modules of the service let ask.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys

YES, NO, UNKNOWN, BROKEN = range(4)

_ECHO_OFF, _ECHO_ON = 1, 2
_NO_REPLY = 0
_SUCCESS, _CONVERSATION_ERROR = 0, 19
_SILENT = 0x8000
_REFUSALS = frozenset((6, 7, 8, 11, 12, 13, 27))
"""PERM_DENIED, AUTH_ERR, CRED_INSUFFICIENT, MAXTRIES, NEW_AUTHTOK_REQD, ACCT_EXPIRED, AUTHTOK_EXPIRED."""
_USER_UNKNOWN = 10


class _Message(ctypes.Structure):
    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class _Response(ctypes.Structure):
    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


_Talk = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(_Message)),
    ctypes.POINTER(ctypes.POINTER(_Response)),
    ctypes.c_void_p,
)


class _Conversation(ctypes.Structure):
    _fields_ = (("talk", _Talk), ("data", ctypes.c_void_p))


def ask(service: str, login: str, password: str) -> int:
    """What PAM says."""
    found = ctypes.util.find_library("pam")
    if found is None:
        return BROKEN
    pam, libc = ctypes.CDLL(found), ctypes.CDLL(None)
    libc.calloc.restype = ctypes.c_void_p
    libc.calloc.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
    libc.strdup.restype = ctypes.c_void_p
    libc.strdup.argtypes = (ctypes.c_char_p,)
    for name in ("pam_authenticate", "pam_acct_mgmt", "pam_end"):
        getattr(pam, name).argtypes = (ctypes.c_void_p, ctypes.c_int)

    def talk(count: int, messages: object, responses: object, data: object) -> int:
        """Answer each question for the password; PAM frees what it is given."""
        if not 0 < count <= 32:
            return _CONVERSATION_ERROR
        made = libc.calloc(count, ctypes.sizeof(_Response))
        if not made:
            return _CONVERSATION_ERROR
        replies = ctypes.cast(made, ctypes.POINTER(_Response))
        for number in range(count):
            style = messages[number].contents.style  # type: ignore[index]
            if style in (_ECHO_OFF, _ECHO_ON):
                text = password if style == _ECHO_OFF else login
                replies[number].text = libc.strdup(text.encode())
            replies[number].code = _NO_REPLY
        responses[0] = replies  # type: ignore[index]
        return _SUCCESS

    handle = ctypes.c_void_p()
    conversation = _Conversation(_Talk(talk), None)
    pam.pam_start.argtypes = (
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(_Conversation),
        ctypes.POINTER(ctypes.c_void_p),
    )
    if pam.pam_start(service.encode(), login.encode(), conversation, ctypes.byref(handle)) != _SUCCESS:
        return BROKEN
    code = pam.pam_authenticate(handle, _SILENT)
    if code == _SUCCESS:
        code = pam.pam_acct_mgmt(handle, _SILENT)
    pam.pam_end(handle, code)
    if code == _SUCCESS:
        return YES
    if code == _USER_UNKNOWN:
        return UNKNOWN
    return NO if code in _REFUSALS else BROKEN


def main() -> int:
    """The program."""
    if len(sys.argv) != 2:
        return BROKEN
    login, _, rest = sys.stdin.buffer.read(4096).decode("utf-8", "replace").partition("\n")
    password = rest.rstrip("\n")
    if not login or not password or "\0" in login + password:
        return NO
    return ask(sys.argv[1], login, password)


if __name__ == "__main__":
    sys.exit(main())
