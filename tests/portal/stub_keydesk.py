"""A stand-in for the `keydesk` command that behaves as its first argument after the script tells it to misbehave."""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Ready(BaseHTTPRequestHandler):
    """200 on /readyz, and a stream without end on /stream."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        while self.path == "/stream":
            self.wfile.write(b"data: still here\n\n")
            time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        return


def worker(data_dir: Path) -> None:
    (data_dir / "worker.ready").touch()
    threading.Event().wait()


def portal() -> None:
    port = int(os.environ["KEYDESK_PORT"])
    ThreadingHTTPServer(("127.0.0.1", port), Ready).serve_forever()


def main() -> None:
    fault, name = sys.argv[1:3]
    data_dir = Path(os.environ["KEYDESK_DATA_DIR"])
    print(f"{name} starts with {os.environ['TEMPORAL_ADDRESS']}", flush=True)
    with (data_dir / "steps.txt").open("a") as steps:
        steps.write(f"{name}\n")
    if fault == f"{name}:fails":
        sys.exit("the stub was told to fail")
    if fault == f"{name}:deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if name == "worker":
        worker(data_dir)
    elif name == "portal":
        portal()


main()
