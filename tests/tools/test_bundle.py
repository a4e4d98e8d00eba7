"""The zip holds all that the function needs and nothing else, and is the same wherever and whenever it is made."""

import gzip
import importlib.metadata
import importlib.util
import json
import marshal
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ARCH, REPO, VERSION
from tests.lambda_.aws import LAKE, LOGS, key, name, notification
from tests.local.logs import encode, event
from tools import bundle as bundles
from tools.bundle import BundleError, bundle


@pytest.fixture(scope="session")
def lambdas_python(tmp_path_factory) -> Path:
    """Python of a virtual environment that holds boto3 and what it needs, as Lambda's does, and nothing else."""
    root = tmp_path_factory.mktemp("python")
    venv.create(root, with_pip=False, symlinks=True)
    [packages] = root.glob("lib/*/site-packages")
    for distribution in ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"):
        files = importlib.metadata.files(distribution) or []
        for top in {file.parts[0] for file in files if ".." not in file.parts}:
            source = Path(str(importlib.metadata.distribution(distribution).locate_file(top)))
            if source.exists() and not source.name.startswith("__"):
                (packages / top).symlink_to(source)
    return root / "bin" / "python"


def test_two_folders_give_the_same_bytes(zipped, tmp_path):
    """Made again, from a copy of the sources in another folder: byte for byte the same, and under 5 MB."""
    copy = tmp_path / "a copy"
    for part in ("runtime", "requirements", "tools"):
        shutil.copytree(REPO / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*.py"):
        os.utime(path, (1, 1))
    again = tmp_path / "again.zip"
    subprocess.run(
        [sys.executable, "-m", "tools.bundle", "--arch", ARCH, "--python", VERSION, str(again)],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONHASHSEED": "7"},
        check=True,
    )
    assert again.read_bytes() == zipped.read_bytes()
    assert zipped.stat().st_size < 5_000_000


def test_it_holds_the_event_row_the_function_and_two_wheels(zipped):
    """Nothing of the local engine, no tests; times fixed, in order, libraries executable."""
    with zipfile.ZipFile(zipped) as archive:
        entries = archive.infolist()
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    tops = {
        re.sub(r"-[\d.]+\.dist-info", "", "/".join(n.split("/")[: 2 if n.startswith("runtime/") else 1])) for n in names
    }
    assert tops == {
        "bundle.json",
        "isal",
        "msgspec",
        "runtime/__init__.py",
        "runtime/__pycache__",
        "runtime/events",
        "runtime/lambda",
    }
    assert [n for n in names if n.endswith(".pyi") or "test" in n] == []
    modes = {Path(entry.filename).suffix == ".so": entry.external_attr >> 16 for entry in entries}
    assert modes == {True: 0o755, False: 0o644}


def test_a_cold_start_compiles_nothing(zipped, lambdas_python, tmp_path):
    """Every module's bytecode is there and taken unchecked: the handler starts though no source could be compiled."""
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(tmp_path)
        names = set(archive.namelist())
    sources = {name for name in names if name.endswith(".py")}
    assert {importlib.util.cache_from_source(name) for name in sources} == {n for n in names if n.endswith(".pyc")}
    for source in sources:
        cache = (tmp_path / importlib.util.cache_from_source(source)).read_bytes()
        assert int.from_bytes(cache[4:8], "little") == 0b01  # a hash, not to be checked
        assert marshal.loads(cache[16:]).co_filename == source
        (tmp_path / source).write_text("this is no Python\n")
    start = "import importlib; print(importlib.import_module('runtime.lambda.handler').SETTINGS.output_bucket)"
    run = subprocess.run(
        [str(lambdas_python), "-s", "-c", start],
        cwd=tmp_path,
        env={"TRAILSIGHT_OUTPUT_BUCKET": LAKE},
        capture_output=True,
        text=True,
    )
    assert (run.stdout, run.stderr) == (f"{LAKE}\n", "")


def test_a_python_that_is_not_here_is_named(tmp_path, monkeypatch, capsys):
    """The bundle for a Python that this machine lacks is made without bytecode, and says so, with the cure."""
    monkeypatch.setattr(bundles, "_wheels", lambda *_: [])
    bundle(tmp_path / "x.zip", ARCH, "3.99")
    said = r"no bytecode in the bundle: .* there is no python3\.99 here\. .*install python3\.99 .*\n"
    assert re.fullmatch(said, capsys.readouterr().err)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert [name for name in archive.namelist() if not name.endswith(".py")] == ["bundle.json"]


def test_the_lock_is_the_projects_own():
    """The Lambda runs the versions that everything else is tested with."""
    pins = re.compile(r"^((?:isal|msgspec)==\S+)", re.MULTILINE)
    assert pins.findall((REPO / "requirements/lambda.txt").read_text()) == pins.findall(
        (REPO / "requirements/run.txt").read_text()
    )


def test_what_lambda_does_not_have_is_refused(tmp_path):
    """A wrong architecture is one sentence, and nothing is written."""
    with pytest.raises(BundleError, match="no architecture 'i386' in Lambda; choose from arm64, x86_64"):
        bundle(tmp_path / "x.zip", "i386")
    assert list(tmp_path.iterdir()) == []


RUN = """
import importlib, json, sys
handler = importlib.import_module("runtime.lambda.handler")
class Context:
    function_name, aws_request_id = "flattener", "r"
    def get_remaining_time_in_millis(self): return 300_000
print(json.dumps(handler.handle(json.loads(sys.stdin.read()), Context())))
origins = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
print(json.dumps(origins))
"""


def test_the_bundle_runs_where_only_boto3_is(zipped, lambdas_python, tmp_path):
    """The very zip flattens a file in S3, in a Python that has nothing but boto3, and takes nothing from elsewhere."""
    import boto3

    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(tmp_path / "task")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", **keys)
        for bucket in (LOGS, LAKE):
            client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=LOGS, Key=key(), Body=gzip.compress(b'{"Records":[' + encode(event("e1")) + b"]}"))
        run = subprocess.run(
            [str(lambdas_python), "-s", "-c", RUN],
            cwd=tmp_path / "task",
            env={
                "TRAILSIGHT_OUTPUT_BUCKET": LAKE,
                "AWS_ENDPOINT_URL": f"http://{host}:{port}",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
            input=json.dumps({"Records": [{"messageId": "m1", "body": notification(key())}]}),
            capture_output=True,
            text=True,
        )
        assert run.stderr == ""
        written, metrics, answer, origins = map(json.loads, run.stdout.splitlines())
        assert (written["event"], metrics["Files"], answer) == ("written", 1, {"batchItemFailures": []})
        body = client.get_object(Bucket=LAKE, Key=f"flatfiles/dt=2024-05-06/{name()}")["Body"].read()
        assert json.loads(gzip.decompress(body))["eventid"] == "e1"
    finally:
        server.stop()
    for module in ("runtime.events.row", "runtime.lambda.handler", "isal.isal_zlib", "msgspec._core"):
        assert Path(origins[module]).is_relative_to(tmp_path / "task")
    assert not {"pyarrow", "duckdb", "pytest"} & set(origins)
