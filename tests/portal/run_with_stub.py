"""`keydesk` with the stand-in for the processes it supervises: `run_with_stub.py <fault> <arguments of keydesk>`."""

import sys
from pathlib import Path

from portal import supervised
from portal.cli import main

supervised.KEYDESK = (
    sys.executable,
    str(Path(__file__).with_name("stub_keydesk.py")),
    sys.argv.pop(1),
)
main()
