"""Who PostgreSQL runs as and what is opened for it: the way may be passed, nothing may be read."""

import os
import stat
from pathlib import Path

import pytest

from processes.account import Account, account_for, open_programs, open_way, own

STRANGER = Account(uid=65_531, gid=65_531)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_blocking_directories_are_opened_and_only_to_pass(tmp_path: Path) -> None:
    closed, open_ = tmp_path / "closed", tmp_path / "closed" / "open"
    open_.mkdir(parents=True)
    (data := open_ / "data").mkdir(mode=0o700)
    closed.chmod(0o700)
    open_.chmod(0o755)

    assert closed in open_way(data, STRANGER)
    assert (mode(closed), mode(open_), mode(data)) == (0o701, 0o755, 0o700)
    assert open_way(data, STRANGER) == []


def test_the_owner_needs_nothing_opened(tmp_path: Path) -> None:
    (closed := tmp_path / "closed").mkdir(mode=0o700)
    owner = Account(os.geteuid(), os.getegid())
    assert closed not in open_way(closed / "data", owner)
    assert mode(closed) == 0o700


def test_programs_under_a_strict_umask_become_readable_and_runnable(tmp_path: Path) -> None:
    tree = tmp_path / "pginstall"
    (tree / "bin").mkdir(parents=True)
    (program := tree / "bin" / "postgres").write_text("")
    (text := tree / "bin" / "notes").write_text("")
    for path, bits in {tree: 0o700, tree / "bin": 0o700, program: 0o700, text: 0o600}.items():
        path.chmod(bits)

    assert open_programs(tree, STRANGER) is True
    assert [mode(path) for path in (tree, tree / "bin", program, text)] == [
        *(0o705, 0o705, 0o705, 0o604)
    ]
    assert open_programs(tree, STRANGER) is False


def test_an_owned_directory_is_closed(tmp_path: Path) -> None:
    own(tmp_path / "data", None)
    assert mode(tmp_path / "data") == 0o700


def test_a_normal_user_stays_who_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert account_for(tmp_path / "data") is None


def test_root_hands_over_to_nobody_or_to_the_owner_of_the_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    account = account_for(tmp_path / "none yet")
    assert account is not None
    assert account.uid != 0
    if os.getuid() == 0:
        (data := tmp_path / "data").mkdir()
        os.chown(data, STRANGER.uid, STRANGER.gid)
        assert account_for(data) == STRANGER
