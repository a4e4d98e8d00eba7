"""MiniStack as AWS: S3, SQS and Lambda on 127.0.0.1, and a proxy before its S3 that throttles and kills on demand."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PYTHON = Path(sys.prefix) / "ministack" / "bin" / "python"
"""An environment of its own: the function sees what is installed beside the emulator, as it sees boto3 on Lambda."""
THROTTLED = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, true: Callable[[], Any], seconds: float) -> Any:
    """What `true` gives once it is true; fails with `what` after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s: {what}")


class Emulator:
    """A running MiniStack."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir()
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
        self.environment = {
            **keys,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AWS_ENDPOINT_URL": self.url,
            "STATE_DIR": str(folder),
            "S3_DATA_DIR": str(folder),
            "TMPDIR": str(folder),
            "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
        }
        self._log = (folder / "ministack.log").open("wb")
        self._process = subprocess.Popen(
            [PYTHON, "-m", "ministack"], env=self.environment, stdout=self._log, stderr=self._log
        )
        until("MiniStack answers", self._answers, 60)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "MiniStack ended"
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2):
                return True
        except OSError:
            return False

    def client(self, service: str) -> Any:
        import boto3

        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=self.url, **keys)

    def kill_functions(self) -> int:
        """Kill -9 every process that MiniStack has started; how many those were."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        return len(children)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


class Proxy:
    """Before the emulator's S3: every `throttle`-th PUT is refused with SlowDown; `on_put` is called with each one's number."""

    def __init__(self, target: str, throttle: int, on_put: Callable[[int], None]) -> None:
        self.puts = self.throttled = 0
        lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self._body()
                if self.command == "PUT":
                    with lock:
                        proxy.puts += 1
                        number = proxy.puts
                    on_put(number)
                    if number % throttle == 0:
                        proxy.throttled += 1
                        self._answer(503, {"Content-Type": "application/xml"}, THROTTLED)
                        return
                headers = {
                    k: v for k, v in self.headers.items() if k.lower() not in ("host", "transfer-encoding", "expect")
                }
                request = urllib.request.Request(target + self.path, body, headers, method=self.command)
                try:
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        self._answer(answer.status, dict(answer.headers), answer.read())
                except urllib.error.HTTPError as error:
                    self._answer(error.code, dict(error.headers), error.read())
                except OSError:  # the emulator is going
                    self.close_connection = True

            def _body(self) -> bytes | None:
                if self.headers.get("Expect", "").lower() == "100-continue":
                    self.send_response_only(100)
                    self.end_headers()
                length = int(self.headers.get("Content-Length") or 0)
                return self.rfile.read(length) if length else None

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header(
                    "Content-Length", headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
                )
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _any  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
