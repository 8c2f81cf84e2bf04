"""Linux: the rights of root in pieces (capabilities(7)), and the bit that lets no program get any back (prctl(2)).

Elsewhere these functions do nothing: a change of user is all there is.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_VERSION_3 = 0x20080522
_MOST = 64
"""More capabilities than three words of the kernel's could name."""


def bound() -> None:
    """Empty the bounding set: no program that is started later gets a capability, whatever its file promises. While
    still root. Raises OSError."""
    if sys.platform != "linux":
        return
    for capability in range(_MOST):
        try:
            _prctl(_PR_CAPBSET_DROP, capability)
        except OSError as error:
            if capability == 0:
                raise
            if error.errno != 22:  # EINVAL: the kernel knows no more of them
                raise
            return


def clear() -> None:
    """Drop every capability this process has, and those it would hand to programs. Raises OSError."""
    if sys.platform != "linux":
        return
    hand_on_none()
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if _libc().capset(header, nothing) != 0:
        raise _error("capset")


def hand_on_none() -> None:
    """Hand no capability to the programs this process starts: a service manager may have given us one for our
    ports, which is nobody else's. Ignored by kernels that have no such hand-over (before 4.3)."""
    if sys.platform != "linux":
        return
    try:
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:
        return


def no_new_privileges() -> None:
    """From here on no program gains rights by being started (setuid and setgid files, file capabilities), neither
    here nor in what we start. Raises OSError."""
    if sys.platform == "linux":
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def held() -> int:
    """The capabilities this process has or would hand on, as the kernel's bits; 0 where they cannot be told."""
    try:
        with open("/proc/self/status", "rb") as status:
            lines = status.read().splitlines()
    except OSError:
        return 0
    found = 0
    for line in lines:
        word, _, value = line.partition(b":")
        if word in (b"CapInh", b"CapPrm", b"CapEff", b"CapAmb"):
            found |= int(value, 16)
    return found


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, argument: int) -> None:
    unsigned = ctypes.c_ulong
    if _libc().prctl(ctypes.c_int(option), unsigned(argument), unsigned(0), unsigned(0), unsigned(0)) != 0:
        raise _error("prctl")


def _error(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
