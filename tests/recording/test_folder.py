"""A recording's files are the same thing on disk and in memory, and nothing is half-written."""

from __future__ import annotations

import errno
import io
import os
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

from fleetlab.errors import RecordingError
from fleetlab.recording import disk
from fleetlab.recording.folder import DiskFolder, Folder, MemoryFolder, checked

START = datetime(2026, 11, 23, 23, 15, tzinfo=UTC)


@pytest.fixture(params=["disk", "memory"])
def folder(request, tmp_path) -> Folder:
    if request.param == "memory":
        return MemoryFolder("night")
    return DiskFolder.create(tmp_path / "night")


def test_a_folder_has_the_recordings_name(folder):
    assert folder.name == "night"


def test_what_was_written_is_read_back(folder):
    folder.write("state/00000001.parquet", b"one")
    folder.write("state/00000001.parquet", b"two")
    assert folder.read("state/00000001.parquet") == b"two"
    with folder.open_read("state/00000001.parquet") as file:
        assert file.read() == b"two"
        assert file.seek(0) == 0
    assert folder.exists("state/00000001.parquet")
    assert not folder.exists("state")
    assert folder.size == 3


def test_a_missing_file_is_the_callers_to_judge(folder):
    for use in (folder.read, folder.open_read, folder.source):
        with pytest.raises(FileNotFoundError):
            use("recording.json")
    assert not folder.exists("recording.json")
    folder.remove("recording.json")


def test_files_lists_one_subfolder_in_order(folder):
    assert folder.files("state", ".parquet") == []
    for name in ("state/2.parquet", "state/1.parquet", "state/1.txt", "states/3.parquet"):
        folder.write(name, b"x")
    folder.write("notes.parquet", b"x")
    assert folder.files("state", ".parquet") == ["state/1.parquet", "state/2.parquet"]
    assert folder.files("", ".parquet") == ["notes.parquet"]
    folder.remove("state/2.parquet")
    assert folder.files("state", ".parquet") == ["state/1.parquet"]


def test_an_appended_file_can_be_read_while_it_grows(folder):
    file = folder.open_append("raw/1")
    assert folder.read("raw/1") == b""
    file.write(b"ab")
    before = folder.open_read("raw/1")
    file.write(b"cd")
    assert folder.read("raw/1") == b"abcd"
    file.close()
    before.close()
    again = folder.open_append("raw/1")
    again.write(b"e")
    again.close()
    again.close()
    assert folder.read("raw/1") == b"abcde"
    assert folder.size == 5


def test_polars_scans_what_source_gives(folder):
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1, 2]}).write_parquet(buffer)
    folder.write("state/1.parquet", buffer.getvalue())
    source = folder.source("state/1.parquet")
    assert pl.scan_parquet([source, source], glob=False).collect()["a"].to_list() == [1, 2, 1, 2]


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../other/recording.json",
        "state/../../x",
        "..",
        ".",
        "",
        "state//x",
        "state/",
        "C:/x",
        "C:x",
        "state\\..\\x",
        "\\\\server\\x",
        "state/\0",
    ],
)
def test_a_name_that_leads_out_of_the_folder_is_refused(folder, name):
    with pytest.raises(RecordingError, match="inside a recording"):
        checked(name)
    for use in (folder.read, folder.open_read, folder.source, folder.exists, folder.remove):
        with pytest.raises(RecordingError):
            use(name)
    with pytest.raises(RecordingError):
        folder.write(name, b"x")
    with pytest.raises(RecordingError):
        folder.open_append(name)


def test_a_plain_name_passes_as_it_is():
    assert checked("state_batch/00000001.parquet") == "state_batch/00000001.parquet"


def test_copy_to_writes_every_file_and_the_manifest_last(folder, tmp_path, monkeypatch):
    order = []
    write = DiskFolder.write

    def noted(self, relative, data):
        order.append(relative)
        write(self, relative, data)

    names = ["recording.json", "raw/00000001.jsonl.zst", "state/00000001.parquet"]
    for name in names:
        folder.write(name, name.encode())
    monkeypatch.setattr(DiskFolder, "write", noted)
    copy = folder.copy_to(tmp_path / "deep" / "copy")
    assert order[-1] == "recording.json"
    assert copy.names() == sorted(names) == folder.names()
    assert all(copy.read(name) == name.encode() for name in names)
    with pytest.raises(RecordingError, match="not empty"):
        folder.copy_to(tmp_path / "deep" / "copy")


def test_a_copy_that_fails_leaves_nothing_behind(folder, tmp_path, monkeypatch):
    for number in range(3):
        folder.write(f"state/{number}", b"x")
    replace_file = disk.replace_file

    def full(path, data):
        if path.name == "1":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace_file(path, data)

    monkeypatch.setattr(disk, "replace_file", full)
    with pytest.raises(RecordingError, match="No space left"):
        folder.copy_to(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_recordings_folder_is_made_with_its_parents(tmp_path):
    folder = DiskFolder.create(tmp_path / "a" / "b")
    assert folder.path == tmp_path / "a" / "b"
    assert list(folder.path.iterdir()) == []
    assert DiskFolder.create(tmp_path / "a" / "b").path == folder.path


def test_a_folder_stays_the_same_when_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = DiskFolder.create("here")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    folder.write("recording.json", b"{}")
    assert (tmp_path / "here" / "recording.json").read_bytes() == b"{}"


def test_a_used_folder_is_refused(tmp_path):
    (tmp_path / "thesis.doc").write_text("dear")
    with pytest.raises(RecordingError, match=r"not empty .*: 1\).*name a new one"):
        DiskFolder.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("dear")
    with pytest.raises(RecordingError, match=r"is a file.*name one that is empty"):
        DiskFolder.create(tmp_path / "file")
    with pytest.raises(RecordingError, match="another place") as caught:
        DiskFolder.create(tmp_path / "file" / "below")
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses")
def test_a_folder_that_cannot_be_written_is_refused():
    with pytest.raises(RecordingError, match=r"/proc/fleetlab can't be made.*another place"):
        DiskFolder.create("/proc/fleetlab")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RecordingError, match="a folder that you may write"):
        DiskFolder.create(tmp_path)


def test_the_default_name_is_the_start_in_utc_and_counts_on(tmp_path):
    start = START.astimezone(timezone(timedelta(hours=5, minutes=45)))
    names = [DiskFolder.create_default(tmp_path, start).name for _ in range(3)]
    assert names == ["2026-11-23T231500Z", "2026-11-23T231500Z-2", "2026-11-23T231500Z-3"]
    assert (tmp_path / "recordings" / names[2]).is_dir()


def test_captures_that_start_together_get_folders_of_their_own(tmp_path):
    made = []
    gate = threading.Barrier(8)

    def start():
        gate.wait()
        made.append(DiskFolder.create_default(tmp_path, START).name)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8


def test_a_file_in_place_of_recordings_is_refused(tmp_path):
    (tmp_path / "recordings").write_text("dear")
    with pytest.raises(RecordingError, match="can't be made"):
        DiskFolder.create_default(tmp_path, START)


def test_a_write_that_fails_keeps_the_old_file_and_no_other(tmp_path, monkeypatch):
    folder = DiskFolder.create(tmp_path / "night")
    folder.write("recording.json", b"old")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordingError, match=r"recording\.json can't be written: No space") as it:
        folder.write("recording.json", b"new")
    assert "Free some space" in str(it.value)
    assert isinstance(it.value.__cause__, OSError)
    assert folder.read("recording.json") == b"old"
    assert [path.name for path in folder.path.iterdir()] == ["recording.json"]


def test_unfinished_temporary_files_of_a_killed_process_are_not_listed(tmp_path):
    folder = DiskFolder.create(tmp_path / "night")
    (folder.path / ".recording.json.0a1b2c3d.tmp").write_bytes(b"{")
    (folder.path / "recording.lock").write_bytes(b"1")
    assert folder.names() == []


def test_a_folder_that_was_removed_does_not_come_back(tmp_path):
    folder = DiskFolder.create(tmp_path / "night")
    folder.path.rmdir()
    with pytest.raises(RecordingError, match="can't be written"):
        folder.write("state/1.parquet", b"x")
    assert not folder.path.exists()


def test_memory_can_be_read_while_another_thread_writes():
    folder = MemoryFolder("night")
    file = folder.open_append("raw/1")
    done = threading.Event()

    def write():
        for number in range(2000):
            file.write(b"0123456789")
            folder.write(f"state/{number % 50}", b"x")
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    last = 0
    while not done.is_set():
        data = folder.read("raw/1")
        assert len(data) % 10 == 0
        assert last <= len(data) <= folder.size
        last = len(data)
        folder.files("state", "")
    thread.join()
    assert len(folder.read("raw/1")) == 20_000
