"""Giving up root once the low ports are open."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from posthouse.cluster import capabilities
from posthouse.observe.log import logger

log = logger("cluster.privileges")


class NoSuchUser(Exception):
    """``run_as`` names a user or group this system does not have (args[0])."""


class OutOfReach(Exception):
    """User ``args[0]`` may not use the file or folder ``args[1]``, which the server needs."""


def check_reach(user: str, data: Path) -> None:
    """Whether this process, now ``user``, may still run the program and use the data folder. Raises
    OutOfReach: better now than at the first worker, migration or import that comes late."""
    program = Path(__file__)
    for path, mode in (
        (Path(sys.executable), os.X_OK),
        (program, os.R_OK),
        (data, os.R_OK | os.W_OK | os.X_OK),
    ):
        if not os.access(path, mode):
            raise OutOfReach(user, path)


def drop(run_as: str, data: Path) -> str:
    """Become the user of ``run_as`` (``user`` or ``user:group``), else the owner of the data folder. Returns
    the user run as, "" where nothing was to be done. Raises NoSuchUser or OSError.

    The way back is closed: saved ids and root's groups go, on Linux also every capability (the bounding set
    included), and no program started from here on gains rights by its file (setuid, setgid, file capabilities).
    Both are handed down to workers and to every program they run.

    Without root there is nothing to give up; a ``run_as`` that names another user is then only warned about, and a
    capability given for our ports is not handed on. As root with a data folder of root and no ``run_as``, root is
    kept and that is said.
    """
    if sys.platform == "win32" or os.geteuid() != 0:
        capabilities.hand_on_none()
        if run_as and not _is_us(run_as):
            log.warning("run_as.ignored", reason="not started as root")
        return ""
    import pwd

    if run_as:
        uid, gid = _find(run_as)
    else:
        owner = data.stat()
        uid, gid = owner.st_uid, owner.st_gid
    if uid == 0:
        log.warning(
            "root.kept",
            reason="the server stays root: set run_as in posthouse.toml, or give the data folder to a user",
        )
        return ""
    _give(data, uid, gid)
    _bound()
    try:
        name = pwd.getpwuid(uid).pw_name
        os.initgroups(name, gid)
    except KeyError:
        name = str(uid)
        os.setgroups([gid])
    _become(uid, gid)
    log.info("root.given_up", user=name)
    return name


def _bound() -> None:
    try:
        capabilities.bound()
    except (
        OSError
    ) as error:  # a container's root may lack the right to it; nothing is gained by its files below
        log.warning("root.bounding_set_kept", reason=str(error))


def _become(uid: int, gid: int) -> None:
    """Take on user and group as real, effective and saved ids, and make sure that there is no way back. Raises
    OSError."""
    if sys.platform == "win32":
        return
    if hasattr(os, "setresuid"):
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    else:  # macOS: called by root, these set the saved ids as well
        os.setgid(gid)
        os.setuid(uid)
    capabilities.clear()
    capabilities.no_new_privileges()
    if capabilities.held():
        raise OSError(1, "capabilities are left")
    try:
        os.seteuid(0)
    except PermissionError:
        return
    raise OSError(1, "root can be taken back")


def _is_us(run_as: str) -> bool:
    if sys.platform == "win32":
        return False
    try:
        return _find(run_as)[0] == os.geteuid()
    except NoSuchUser:
        return False


def _find(run_as: str) -> tuple[int, int]:
    if sys.platform == "win32":
        raise NoSuchUser(run_as)
    import grp
    import pwd

    user, _, group = run_as.partition(":")
    try:
        found = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        raise NoSuchUser(user) from None
    if not group:
        return found.pw_uid, found.pw_gid
    try:
        return found.pw_uid, int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise NoSuchUser(group) from None


def _give(data: Path, uid: int, gid: int) -> None:
    """Hand the data folder to the user, with all that is in it. Only what is not theirs yet is touched.

    The user may write there already, and must not make root give away anything else: links are not followed,
    not even one that takes a folder's place meanwhile, and a file with a second name is left alone.
    """
    if sys.platform == "win32":
        return
    if data.stat().st_uid != uid:
        os.chown(data, uid, gid)
    for folder, folders, files, descriptor in os.fwalk(data):
        for name in (*folders, *files):
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if found.st_uid == uid:
                continue
            if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
                log.warning("file.not_given", path=os.path.join(folder, name), reason="it has several names")
                continue
            os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
