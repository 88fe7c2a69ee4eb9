"""Files that are damaged, forged, of another kind or out of reach are refused."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
from support import bad_inputs as world
from support.saved_runs import assert_same

import minibnn as mb
from minibnn.storage import StorageError, checksum, read, write

pytestmark = pytest.mark.usefixtures("unrecorded")  # steps are no subject here


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small posterior as bytes."""
    file = tmp_path_factory.mktemp("saved") / "posterior.npz"
    world.fit(world.LINE, y=world.REALS).save(file)
    return file.read_bytes()


def load(data, folder):
    """What loading these bytes gives: a result, or None if they are refused."""
    file = folder / "damaged.npz"
    file.write_bytes(data)
    try:
        return mb.FitResult.load(file)
    except StorageError as error:
        if "damaged.npz" not in str(error):
            raise
        return None


def accepted_only_if_the_same(data, saved, folder):
    got = load(data, folder)
    if got is not None:  # a byte nobody reads, such as a time stamp
        assert_same(got, load(saved, folder))


@pytest.mark.optional
def test_no_flipped_bit_changes_what_is_read(saved, tmp_path):
    """A bit in each of 400 places, and in every place of the first and last 60 bytes."""
    rng = np.random.default_rng(5)
    size = len(saved)
    places = [*range(60), *range(size - 60, size), *rng.integers(0, size, 400)]
    refused = 0
    for place in places:
        data = bytearray(saved)
        data[place] ^= 1 << int(rng.integers(8))
        accepted_only_if_the_same(bytes(data), saved, tmp_path)
        refused += load(bytes(data), tmp_path) is None
    assert refused > 0.5 * len(places)


@pytest.mark.slow
def test_no_flipped_bit_anywhere(saved, tmp_path):
    for place in range(len(saved)):
        data = bytearray(saved)
        data[place] ^= 1 << place % 8
        accepted_only_if_the_same(bytes(data), saved, tmp_path)


def test_no_truncated_file_is_read(saved, tmp_path):
    for size in [*range(40), *range(40, len(saved), 97), len(saved) - 1]:
        assert load(saved[:size], tmp_path) is None, size


def rewritten(data, folder, change, **kwargs):
    """The same members after ``change(dict of name -> bytes)``, as a zip file."""
    (folder / "old.zip").write_bytes(data)
    with zipfile.ZipFile(folder / "old.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(folder / "new.zip", "w", **kwargs) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return (folder / "new.zip").read_bytes()


def npy(array, **kwargs):
    """The bytes of a .npy file."""
    out = io.BytesIO()
    np.save(out, array, **kwargs)
    return out.getvalue()


def header(shape, descr="<f8"):
    """A .npy header that promises a shape, with eight bytes behind it."""
    text = str({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    text = text.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"\0" * 8


def meta(**changed):
    """A change of the facts that leaves the old checksum."""

    def change(members):
        facts = json.loads(np.load(io.BytesIO(members["meta.npy"])).tobytes())
        text = json.dumps(facts | changed).encode()
        members["meta.npy"] = npy(np.frombuffer(text, np.uint8))

    return change


FORGED = {
    "member missing": lambda m: m.pop("params.mu.npy"),
    "meta missing": lambda m: m.pop("meta.npy"),
    "member added": lambda m: m.update({"params.low.npy": npy(np.zeros(3))}),
    "member renamed": lambda m: m.update({"params.nu.npy": m.pop("params.mu.npy")}),
    "other numbers": lambda m: m.update({"params.mu.npy": npy(np.zeros(3))}),
    "other type": lambda m: m.update({"params.mu.npy": npy(np.zeros(3, np.float32))}),
    "other shape": lambda m: m.update({"params.mu.npy": npy(np.zeros((3, 1)))}),
    "pickled object": lambda m: m.update(
        {"params.mu.npy": npy(np.array([{}, None, 3]), allow_pickle=True)}
    ),
    "no array": lambda m: m.update({"params.mu.npy": b"hello"}),
    "empty member": lambda m: m.update({"params.mu.npy": b""}),
    "eight terabytes": lambda m: m.update({"params.mu.npy": header((10**12,))}),
    "more than there is": lambda m: m.update({"params.mu.npy": header((10**30,))}),
    "negative shape": lambda m: m.update({"params.mu.npy": header((-1,))}),
    "strange type": lambda m: m.update({"params.mu.npy": header((1,), "|V8")}),
    "code in the header": lambda m: m.update(
        {"params.mu.npy": header((1,)).replace(b"'<f8'", b"exit(")}
    ),
    "another version": meta(format=2),
    "another kind": meta(kind="checkpoint"),
    "another checksum": meta(checksum="0" * 64),
    "other facts": meta(facts={}),
    "no facts": lambda m: m.update({"meta.npy": npy(np.frombuffer(b"[]", np.uint8))}),
    "no JSON": lambda m: m.update({"meta.npy": npy(np.frombuffer(b"{", np.uint8))}),
    "no text": lambda m: m.update({"meta.npy": npy(np.full(9, 255, np.uint8))}),
    "deep JSON": lambda m: m.update(
        {"meta.npy": npy(np.frombuffer(b"[" * 100_000, np.uint8))}
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_are_refused(name, saved, tmp_path):
    assert load(rewritten(saved, tmp_path, FORGED[name]), tmp_path) is None


def test_rewritten_without_a_change_is_read(saved, tmp_path):
    same = rewritten(saved, tmp_path, lambda members: None)
    assert_same(load(same, tmp_path), load(saved, tmp_path))


def test_a_compressed_bomb_is_refused_unread(saved, tmp_path):
    def change(members):
        members["params.mu.npy"] = npy(np.zeros(10**6))

    kind = zipfile.ZIP_DEFLATED
    data = rewritten(saved, tmp_path, change, compression=kind)
    assert len(data) < 30_000
    assert load(data, tmp_path) is None


def test_a_declared_size_beyond_the_file_is_refused_unread(saved, tmp_path):
    """Both the header of the array and the directory of the archive lie."""
    data = rewritten(saved, tmp_path, FORGED["eight terabytes"])
    entry = data.rfind(b"params.mu.npy")
    size = entry - 46 + 24  # uncompressed size in the central directory
    lie = data[:size] + (0xFFFFFFF0).to_bytes(4, "little") + data[size + 4 :]
    assert load(lie, tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"\0" * 1000,
        b"PK\x03\x04",
        b"PK\x05\x06" + b"\0" * 18,
        b"\x80\x04.",
    ],
)
def test_other_kinds_of_files_are_refused(content, tmp_path):
    assert load(content, tmp_path) is None
    file = tmp_path / "damaged.npz"
    with pytest.raises(StorageError, match=r"damaged\.npz"):
        world.fit(checkpoint=file)
    assert file.read_bytes() == content


def test_other_npz_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    np.save(tmp_path / "b.npy", np.zeros(3))
    world.fit(checkpoint=tmp_path / "c.npz")
    for name, words in (("a.npz", "meta"), ("b.npy", "zip"), ("c.npz", "'checkpoint'")):
        with pytest.raises(StorageError, match=words):
            mb.FitResult.load(tmp_path / name)


# --- paths ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (None, "None"),
        (3, "3 (int)"),
        ("", "''"),
        (b"run.npz", "run.npz"),
        ("a\0b.npz", "path"),
        (["run.npz"], "length 1"),
        ("{folder}", "folder"),
        ("{folder}/nowhere/run.npz", "nowhere"),
        ("{folder}/" + "x" * 300, "name too long"),
    ],
)
@pytest.mark.parametrize("how", ["save", "load", "checkpoint"])
def test_paths(how, path, words, tmp_path):
    if isinstance(path, str):
        path = path.format(folder=tmp_path)
    calls = {
        "save": lambda: world.RESULT.save(path),
        "load": lambda: mb.FitResult.load(path),
        "checkpoint": lambda: mb.Checkpoint(path),
    }
    with pytest.raises((StorageError, TypeError)) as caught:
        calls[how]()
    assert words.lower() in str(caught.value).lower()
    assert ("path" if how != "checkpoint" else "checkpoint") in str(
        caught.value
    ) or "cannot" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may do all")
def test_no_permission(tmp_path):
    world.RESULT.save(tmp_path / "posterior.npz")
    (tmp_path / "posterior.npz").chmod(0)
    with pytest.raises(StorageError, match="Permission denied"):
        mb.FitResult.load(tmp_path / "posterior.npz")
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        world.RESULT.save(tmp_path / "other.npz")
    tmp_path.chmod(0o700)


def test_the_checksum_sees_everything():
    arrays = {"a": np.zeros(4), "b": np.arange(3)}
    facts = {"format": 1, "kind": "x", "facts": {"n": 1}}
    first = checksum(facts, arrays)
    for changed in (
        {"a": np.zeros((2, 2)), "b": arrays["b"]},
        {"a": np.zeros(4, np.int64), "b": arrays["b"]},
        {"a": -np.zeros(4), "b": arrays["b"]},
        {"c": np.zeros(4), "b": arrays["b"]},
        {"a": np.zeros(4)},
    ):
        assert checksum(facts, changed) != first
    assert checksum(facts | {"facts": {"n": 2}}, arrays) != first
    assert checksum(facts, dict(reversed(arrays.items()))) == first


def test_every_dtype_and_layout_survives(tmp_path):
    arrays = {
        "f4": np.float32([1.5, np.nan, -np.inf]), "scalar": np.array(2.5),
        "empty": np.zeros((0, 3)), "T": np.arange(6.0).reshape(2, 3).T,
        "strided": np.arange(10)[::3], "big": np.arange(3, dtype=">i2"),
    }  # fmt: skip
    write(tmp_path / "a.npz", "test", {"text": "ü", "none": None}, arrays)
    facts, got = read(tmp_path / "a.npz", "test")
    assert facts == {"text": "ü", "none": None}
    for key, array in arrays.items():
        assert got[key].dtype == array.dtype
        np.testing.assert_array_equal(got[key], array, strict=True)


# --- well-formed files whose parts do not belong together ----------------------------


def forged(folder, change):
    """The path of a file that ``write`` made after ``change(facts, arrays)``."""
    world.fit(world.LINE, y=world.REALS, restarts=2).save(folder / "a.npz")
    facts, arrays = read(folder / "a.npz", "posterior")
    change(facts, arrays)
    write(folder / "b.npz", "posterior", facts, arrays)
    return folder / "b.npz"


def parameter(name, array):
    return lambda facts, arrays: arrays.update({name: array})


FACTS = ("model", "family", "elbo", "elbo_se", "stop_reason", "seed", "restarts")
UNFIT = {
    **{f"no {name}": lambda f, a, name=name: f.pop(name) for name in FACTS},
    **{f"{name} is a list": lambda f, a, name=name: f.update({name: [-1, [2]]})
       for name in FACTS},
    "no mu": lambda f, a: a.pop("params.mu"),
    "one parameter more": parameter("params.low", np.zeros(3)),
    "few numbers": parameter("params.mu", np.zeros(2)),
    "another shape": parameter("params.mu", np.zeros((3, 1))),
    "no shape": parameter("params.mu", np.float64(3.0)),
    "one replica axis": parameter("params.mu", np.zeros((2, 3))),
    "nan": parameter("params.mu", np.array([1.0, np.nan, 0.0])),
    "text": parameter("params.mu", np.array(["a", "b", "c"])),
    "complex": parameter("params.mu", np.zeros(3, complex)),
    "integers": parameter("params.mu", np.zeros(3, int)),
    "history of two lengths": parameter("history.loss", np.zeros(7)),
    "history without a length": parameter("history.loss", np.float64(1.0)),
    "another class": lambda f, a: f.update(model=f["family"]),
    "an unknown class": lambda f, a: f["model"].update({"class": "Nonsense"}),
    "a class without arguments": lambda f, a: f["model"].pop("with"),
    "a wrong argument": lambda f, a: f["model"]["with"].update(net=3),
    "a strange argument": lambda f, a: f["model"]["with"].update(more=3),
    "a network of another size": lambda f, a: f["model"]["with"]["net"]["with"].update(
        sizes=[3, 1]
    ),
    "text for a number": lambda f, a: f.update(elbo="high"),
}  # fmt: skip


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", UNFIT)
def test_a_whole_file_of_other_parts_is_refused(name, tmp_path):
    with pytest.raises(StorageError, match=r"b\.npz' (lacks|does not fit together)"):
        mb.FitResult.load(forged(tmp_path, UNFIT[name]))


def test_a_file_written_anew_is_read(tmp_path):
    again = mb.FitResult.load(forged(tmp_path, lambda facts, arrays: None))
    assert_same(again, mb.FitResult.load(tmp_path / "a.npz"))


CHECKPOINT_FACTS = ("run", "step", "sizes", "cursor", "seeds", "noise", "streams")
UNFIT_RUN = {
    **{f"no {n}": lambda f, a, n=n: f.pop(n) for n in CHECKPOINT_FACTS},
    "no theta": lambda f, a: a.pop("theta"),
    "few good numbers": parameter("good", np.zeros(2)),
    "many numbers": parameter("theta", np.zeros(7)),
    "one size": lambda f, a: f.update(sizes=3),
}


@pytest.mark.parametrize("name", UNFIT_RUN)
def test_a_checkpoint_of_other_parts_is_refused(name, tmp_path):
    file = tmp_path / "run.npz"
    world.fit(checkpoint=file)
    facts, arrays = read(file, "checkpoint")
    UNFIT_RUN[name](facts, arrays)
    write(file, "checkpoint", facts, arrays)
    for call in (lambda: world.fit(checkpoint=file), mb.Checkpoint(file).params):
        with pytest.raises(StorageError, match=r"run\.npz' (lacks|does not fit)"):
            call()
