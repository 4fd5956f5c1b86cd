"""One process writes a folder, and a dead one doesn't count."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading

import pytest

from fleetlab.errors import RecordingError
from fleetlab.recording import lock as module
from fleetlab.recording.lock import LOCK_NAME, FolderLock, is_held

HOLDER = """
import sys
from fleetlab.recording.lock import FolderLock
FolderLock(sys.argv[1]).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_capture_of_this_process_is_refused(tmp_path):
    with FolderLock(tmp_path):
        with pytest.raises(
            RecordingError, match=r"another capture of this process.*another folder"
        ):
            FolderLock(tmp_path).acquire()
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_a_lock_is_not_taken_twice_by_its_holder(tmp_path):
    with FolderLock(tmp_path) as lock, pytest.raises(RecordingError, match="already"):
        lock.acquire()


def test_another_process_is_refused_and_named(tmp_path, holder):
    with pytest.raises(RecordingError, match=f"process {holder.pid}"):
        FolderLock(tmp_path).acquire()
    assert is_held(tmp_path)


def test_a_killed_process_holds_nothing(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / LOCK_NAME).exists()
    assert not is_held(tmp_path)
    with FolderLock(tmp_path):
        assert is_held(tmp_path)


def test_release_removes_the_file_and_may_be_repeated(tmp_path):
    lock = FolderLock(tmp_path)
    lock.release()
    lock.acquire()
    lock.release()
    lock.release()
    assert list(tmp_path.iterdir()) == []
    lock.acquire()
    lock.release()


def test_looking_changes_nothing(tmp_path):
    assert not is_held(tmp_path)
    assert not is_held(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / LOCK_NAME).write_text("12345")
    before = (tmp_path / LOCK_NAME).stat().st_mtime_ns
    assert not is_held(tmp_path)
    assert (tmp_path / LOCK_NAME).read_text() == "12345"
    assert (tmp_path / LOCK_NAME).stat().st_mtime_ns == before


def test_looking_keeps_no_writer_out(tmp_path):
    (tmp_path / LOCK_NAME).write_text("12345")
    done = threading.Event()

    def look():
        while not done.is_set():
            is_held(tmp_path)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(100):
            with FolderLock(tmp_path):
                pass
    finally:
        done.set()
        thread.join()


def test_of_many_that_try_at_once_one_gets_it(tmp_path):
    gate = threading.Barrier(8)
    got = []

    def run():
        lock = FolderLock(tmp_path)
        gate.wait()
        try:
            lock.acquire()
        except RecordingError:
            return
        got.append(lock)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    got[0].release()


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_lock_on_a_file_that_was_just_removed_is_none(tmp_path, monkeypatch):
    real = module._lock
    calls = []

    def removed_meanwhile(descriptor, *, shared):
        if not calls:
            (tmp_path / LOCK_NAME).unlink()
        calls.append(shared)
        real(descriptor, shared=shared)

    monkeypatch.setattr(module, "_lock", removed_meanwhile)
    with FolderLock(tmp_path):
        assert len(calls) == 2
        with pytest.raises(RecordingError):
            FolderLock(tmp_path).acquire()


def test_a_file_system_without_locks_is_told_of(tmp_path, monkeypatch):
    def unable(_descriptor, *, shared):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), shared)

    monkeypatch.setattr(module, "_lock", unable)
    with pytest.raises(RecordingError, match=r"can't be locked.*local disk"):
        FolderLock(tmp_path).acquire()


def test_a_folder_that_is_gone_is_told_of(tmp_path):
    with pytest.raises(RecordingError, match="can't be locked"):
        FolderLock(tmp_path / "gone").acquire()
