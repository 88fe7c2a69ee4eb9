"""Files that survive a kill and refuse to lie: .npz without pickle.

A file is written aside, flushed and renamed, so the old one stays whole until the new
one is. It carries a format version and a checksum over every name, type, shape and
byte; a reader trusts nothing before it has compared them.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from minibnn.types import Array
from minibnn.types import Path as PathLike
from minibnn.validation.describe import ArgumentTypeError, describe

FORMAT = 1
META = "meta"  # JSON text as bytes: version, kind, checksum and the caller's own facts


class StorageError(ValueError):
    """A file that is missing, damaged, of another version or of another kind."""


def check_path(name: str, path: PathLike) -> Path:
    """Return path as a Path in a folder that exists; raise naming the argument."""
    path = _as_path(name, path)
    try:
        if what_is(path) == "a folder":
            raise StorageError(f"{name} must be a file, but {str(path)!r} is a folder")
        if what_is(path.parent) != "a folder":
            raise StorageError(f"{name}: there is no folder {str(path.parent)!r}")
    except OSError as error:
        raise StorageError(f"{name} {str(path)!r}: {error.strerror}") from error
    return path


def what_is(path):
    """ "a file", "a folder" or "missing"; OSError where the system cannot tell.

    ``Path.is_dir`` and its like raise it up to Python 3.13, and are silent from 3.14 on.
    """
    try:
        return "a folder" if stat.S_ISDIR(path.stat().st_mode) else "a file"
    except (FileNotFoundError, NotADirectoryError):
        return "missing"


def _as_path(name: str, path: Any) -> Path:
    named = isinstance(path, str | os.PathLike) and isinstance(os.fspath(path), str)
    if not named or not str(path) or "\0" in str(path):
        raise ArgumentTypeError(f"{name} must be a path, got {describe(path)}")
    return Path(path)


def write(path: Path, kind: str, facts: Any, arrays: dict[str, Array]) -> None:
    """Write arrays (dict, plain dtypes) and JSON facts to path, all or nothing."""
    meta = {"format": FORMAT, "kind": kind, "facts": facts}
    meta["checksum"] = checksum(meta, arrays)
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    members: dict[str, Any] = {META: text, **arrays}
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with aside.open("wb") as file:
            np.savez(file, **members)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write {str(path)!r}: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)


def read(path: PathLike, kind: str) -> tuple[Any, dict[str, Array]]:
    """Return (facts, arrays) of a file that :func:`write` made; else StorageError."""
    path = _as_path("path", path)
    try:
        if (what := what_is(path)) != "a file":
            raise StorageError(f"cannot read {str(path)!r}: it is {what}")
        members = _read_members(path)
        meta = json.loads(bytes(members.pop(META)).decode())
        found = meta["format"], meta["kind"], meta.pop("checksum")
    except StorageError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"cannot read {str(path)!r}: {reason}") from error
    except Exception as error:  # zipfile, json and numpy raise of many kinds
        raise StorageError(f"{str(path)!r} is damaged or not ours: {error}") from error
    if found[0] != FORMAT:
        raise StorageError(
            f"{str(path)!r} has format {found[0]!r}, wanted {FORMAT}: it was written by "
            "another version of minibnn"
        )
    if found[1] != kind:
        raise StorageError(f"{str(path)!r} holds a {found[1]!r}, wanted a {kind!r}")
    if found[2] != checksum(meta, members):
        raise StorageError(f"{str(path)!r} is damaged: its checksum does not fit")
    return meta["facts"], members


@contextmanager
def as_written(path: PathLike) -> Iterator[None]:
    """While a file's contents are taken apart: what does not fit is a StorageError."""
    try:
        yield
    except StorageError:
        raise
    except KeyError as error:
        raise StorageError(f"{str(path)!r} lacks {error}") from error
    except Exception as error:  # whatever a foreign fact or array leads to
        raise StorageError(f"{str(path)!r} does not fit together: {error}") from error


def with_prefix(prefix: str, arrays: dict[str, Array]) -> dict[str, Array]:
    """The arrays whose names begin with prefix, under the rest of their names."""
    return {
        k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)
    }


def checksum(meta: Any, arrays: dict[str, Array]) -> str:
    """SHA-256 over the facts and over every array's name, type, shape and bytes."""
    digest = hashlib.sha256(json.dumps(meta, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {np.shape(arrays[name])}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _read_members(path):
    """All arrays of the zip file, their declared sizes compared before reading."""
    members, there = {}, path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.file_size > there:
                raise ValueError(f"member {info.filename!r} is larger than the file")
            _check_size(archive, info)
            with archive.open(info) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
            members[info.filename.removesuffix(".npy")] = array
    return members


def _check_size(archive, info):
    """Refuse compressed members and headers that promise more bytes than are there."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"member {info.filename!r} is compressed")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"member {info.filename!r} has an unknown header")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject:
            raise ValueError(f"member {info.filename!r} holds pickled objects")
        promised = file.tell() + dtype.itemsize * int(np.prod(shape, dtype=object))
    if promised != info.file_size:
        raise ValueError(f"member {info.filename!r} promises {promised} bytes")
