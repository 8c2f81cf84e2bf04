"""dkimpy as the system's packages have it (python3-dkim, python3-authres): neither is to be had as a wheel, and an
environment of ours is made of wheels alone, each checked by its hash. Both are plain Python: any version runs them."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType

PLACE = Path("/usr/lib/python3/dist-packages")


def load() -> ModuleType | None:
    """The module ``dkim``; None where the system has none (tests that use it are marked ``needs("dkimpy")``)."""
    if "dkim" not in sys.modules:
        if not all((PLACE / name).is_dir() for name in ("authres", "dkim")):
            return None
        for name in ("authres", "dkim"):
            _load(name)
    return sys.modules["dkim"]


def _load(name: str) -> None:
    """Only this package: nothing else of the system's may take the place of ours."""
    folder = PLACE / name
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons dislike how some of its patterns are written
        spec.loader.exec_module(module)
