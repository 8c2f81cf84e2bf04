"""Giving up root once the low ports are open."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

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

    Without root there is nothing to give up; a ``run_as`` that names another user is then only warned about.
    As root with a data folder of root and no ``run_as``, root is kept and that is said.
    """
    if sys.platform == "win32" or os.geteuid() != 0:
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
    try:
        name = pwd.getpwuid(uid).pw_name
        os.initgroups(name, gid)
    except KeyError:
        name = str(uid)
        os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)
    log.info("root.given_up", user=name)
    return name


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
