"""Makes the zips that AWS runs: Lambda's with two locked wheels, and Glue's.

The same checkout and the same release of Python give the same bytes on any machine. Files are stored, not compressed:
compressors differ from machine to machine, and Lambda unpacks the zip anyway.
Lambda cannot keep bytecode beside the sources, so its zip brings it, and a cold start compiles nothing. That is the one
part that follows the interpreter: it is there if this machine has the Python that the bundle is for. Its manifest says
what it was made for and of which lock, so that the program can refuse one that is not of this checkout.
"""

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from runtime.glue.deployment import MODULES

REPO = Path(__file__).parents[1]
SOURCES = ("runtime/__init__.py", "runtime/events/*.py", "runtime/lambda/*.py")
LOCK = "requirements/lambda.txt"
PYTHON = "3.13"
"""The version of Python that the function runs on."""
MANIFEST = "bundle.json"
LIMIT = 5_000_000
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}  # as Lambda names them, and as wheels do
# Lambda's runtimes from python3.12 on are Amazon Linux 2023, which has glibc 2.34.
GLIBC = range(17, 35)
_LEFT_OUT = (".pyc", ".pyi", "/RECORD")
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BundleError(RuntimeError):
    """The bundle cannot be made; the text says why."""


def bundle(target: Path, arch: str = "arm64", python: str = PYTHON) -> int:
    """Write the zip for an architecture and a version of Python; returns its size in bytes. Raises BundleError."""
    files = sources()
    with tempfile.TemporaryDirectory() as folder:
        for wheel in _wheels(Path(folder), arch, python):
            with zipfile.ZipFile(wheel) as archive:
                names = [name for name in archive.namelist() if not name.endswith(("/", *_LEFT_OUT))]
                files |= {name: archive.read(name) for name in names}
    compiled = _compiled(files, python)
    if not compiled:
        sys.stderr.write(
            f"no bytecode in the bundle: this is not Python {python}, and there is no python{python} here. "
            f"Cold starts will take some 50 ms longer; install python{python} and make the bundle again.\n"
        )
    files |= compiled
    files[MANIFEST] = json.dumps(manifest(arch, python), indent=1).encode()
    content = stored(files)
    if len(content) > LIMIT:
        raise BundleError(f"{target} would have {len(content):,} bytes, above {LIMIT:,}: look at what {LOCK} brings")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(target)
    return len(content)


def sources() -> dict[str, bytes]:
    """Our own modules in the bundle: name -> content."""
    return _found(SOURCES)


def manifest(arch: str = "arm64", python: str = PYTHON) -> dict[str, str]:
    """What a bundle of this checkout says of itself, its modules aside."""
    lock = hashlib.sha256((REPO / LOCK).read_bytes()).hexdigest()
    return {"architecture": arch, "python": python, "lock": lock}


def glue_modules() -> dict[str, bytes]:
    """The Parquet job's modules: name -> content; its script, `runtime/glue/job.py`, is among them."""
    return _found(MODULES)


def glue_zip() -> bytes:
    """They as one zip, for --extra-py-files."""
    return stored(glue_modules())


def _found(patterns: Iterable[str]) -> dict[str, bytes]:
    return {path.relative_to(REPO).as_posix(): path.read_bytes() for name in patterns for path in REPO.glob(name)}


_COMPILE = """
import py_compile, sys
from pathlib import Path
if "%d.%d" % sys.version_info[:2] != sys.argv[2]:
    sys.exit(127)
root = Path(sys.argv[1])
for path in sorted(root.rglob("*.py")):
    py_compile.compile(
        str(path),
        dfile=path.relative_to(root).as_posix(),
        doraise=True,
        optimize=0,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
"""


def _compiled(files: Mapping[str, bytes], python: str) -> dict[str, bytes]:
    """Bytecode of the sources among `files`, by Python `python`; nothing where that is not installed.

    It names files as the zip does, and is taken for current without a look at the source: a zip has no usable times.
    """
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = sys.executable if python == own else shutil.which(f"python{python}")
    if interpreter is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in files.items():
            if name.endswith(".py"):
                target = root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        run = subprocess.run(
            [interpreter, "-I", "-c", _COMPILE, folder, python], capture_output=True, text=True, check=False
        )
        if run.returncode == 127:  # a shell's word for a command that is not there, and so pyenv's
            return {}
        if run.returncode:
            raise BundleError(f"{interpreter} cannot compile the sources: {run.stderr.strip()[-500:]}")
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.pyc")}


def stored(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files, always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as out:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, so that the mode below counts
            entry.external_attr = (0o755 if name.endswith(".so") else 0o644) << 16
            out.writestr(entry, files[name])
    return buffer.getvalue()


def _wheels(folder: Path, arch: str, python: str) -> list[Path]:
    machine = MACHINES.get(arch)
    if machine is None:
        raise BundleError(f"no architecture {arch!r} in Lambda; choose from {', '.join(MACHINES)}")
    tags = [f"manylinux_2_{minor}_{machine}" for minor in reversed(GLIBC)] + [f"manylinux2014_{machine}"]
    platforms = [argument for tag in tags for argument in ("--platform", tag)]
    lock = ("--require-hashes", "--requirement", str(REPO / LOCK))
    options = ("--no-deps", "--only-binary", ":all:", "--implementation", "cp", "--python-version", python)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    run = subprocess.run(
        [*command, *lock, *options, *platforms, "--dest", str(folder)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise BundleError(f"pip found no wheels for Python {python} on {arch}: {run.stderr.strip()[-500:]}")
    return sorted(folder.glob("*.whl"))


def main() -> None:
    """`python -m tools.bundle [--arch ARCH] [--python VERSION] TARGET`."""
    parser = argparse.ArgumentParser(prog="python -m tools.bundle", description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("--arch", default="arm64", choices=MACHINES)
    parser.add_argument("--python", default=PYTHON, help=f"version of Lambda's Python ({PYTHON})")
    options = parser.parse_args()
    try:
        size = bundle(options.target, options.arch, options.python)
    except BundleError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{options.target}: {size:,} bytes, Python {options.python} on {options.arch}\n")


if __name__ == "__main__":
    main()
