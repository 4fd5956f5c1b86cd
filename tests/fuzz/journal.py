"""Journals that somebody has damaged, or made up, read and loaded.

The first byte tells the way. Bytes of a good journal flipped, cut, moved and put elsewhere: what is
read is what was written, each message once, and a loss is named. Or lines of one's own in a frame
whose checksum is right: whatever they hold, it is loaded, or refused in a sentence.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import atheris

import fleetlab as fl
from fleetlab.recording.builder import Builder
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import JournalWriter, encode, read_journal
from fleetlab.recording.manifest import Info
from fleetlab.recording.recovery import GROWING
from fleetlab.recording.zstd import zstd
from fleetlab.records import ConnectionRecord, MessageRecord, Record, RestRecord
from fleetlab.schemas import EVENTS, schema
from tests.fuzz.messages import AT, TRACKERS, facts, good
from tests.fuzz.mutation import WORDS, documents

__all__ = ["LENGTH", "SEEDS", "WORDS", "check", "mutate"]

LENGTH = 20_000
BETWEEN = b"\n"
EDIT = struct.Struct("<BBHHH")  # what, segment, place, length, from where
FRAME = {zstd.CompressionParameter.checksum_flag: 1}


def records() -> list[Record]:
    """What happens in a recording, in some forty records."""
    told = facts("Europe/Madrid", "all") | {"started_at": AT, "server": "demo", "note": "é"}
    found: list[Record] = [
        ConnectionRecord(AT, "started", facts=told),
        ConnectionRecord(AT, "connected", 1, steady=0),
        RestRecord(AT, "tracker/list", {"success": True, "list": TRACKERS}),
        ConnectionRecord(AT, "subscribing", steady=1),
    ]
    texts = [text for number in range(5) for text in good(number)[:5]]
    texts[7:7] = [b"X", b"\xff{", b'{"type":"event","event":"comet","data":1}']
    found += [MessageRecord(n, AT + n, text) for n, text in enumerate(texts, 1)]
    lost = ConnectionRecord(AT + 9, "lost", 1, 1006, "cut", {"alive": [AT + 8, 8]}, 9)
    found[15:15] = [lost, ConnectionRecord(AT + 10, "subscribed", steady=10)]
    return [*found, ConnectionRecord(AT + 99, "ended", detail="time", steady=99)]


RECORDS = records()
SENT = {one.seq: one for one in RECORDS if isinstance(one, MessageRecord)}
HOME = Path(__file__).parents[2] / "build" / "fuzz" / "recordings"
shutil.rmtree(HOME, ignore_errors=True)


def write(name: str, *, published: int) -> DiskFolder:
    """Write a recording of a process that died: with some records in parts, and none finished."""
    folder = DiskFolder.create(HOME / name)
    writer = JournalWriter(folder, segment_bytes=2_500, flush_bytes=700, flush_seconds=1e9)
    placed = [(writer.append(one), one) for one in RECORDS]
    writer.close()
    if published:
        began = datetime.fromtimestamp(AT // 1_000_000, UTC)
        builder = Builder(folder, Info(name=name, started_at=began, server="demo"))
        builder.take(placed[:published])
        builder.collect()
        builder.publish()
    return folder


FOLDERS = [write("rec", published=0), write("unfinished", published=20)]
SEGMENTS = [[folder.read(name) for name in folder.files("raw", ".zst")] for folder in FOLDERS]
WHOLE = [fl.load(folder.path) for folder in FOLDERS]
LINES = [b"".join(encode(one)).rstrip() for one in RECORDS]
SEEDS = [
    *(bytes([head]) + EDIT.pack(kind, head, 40, 9, 300) for head in (0, 2) for kind in range(6)),
    *(bytes([head]) + BETWEEN.join(LINES) for head in (1, 3)),
    *(b"\x01" + BETWEEN.join([LINES[0], line]) for line in (*LINES[1:12], LINES[-1])),
]


def check(data: bytes) -> None:
    if not data:
        return
    which = data[0] >> 1 & 1
    if data[0] & 1:
        check_made_up(FOLDERS[which], data[1:])
    else:
        check_damaged(which, data[1:])


@contextlib.contextmanager
def holding(folder: DiskFolder, segments: list[bytes | None]) -> Iterator[None]:
    """Put other segments in place of the journal's; None for one that is gone."""
    shutil.rmtree(folder.path / "raw")
    for number, segment in enumerate(segments, 1):
        if segment is not None:
            folder.write(f"raw/{number:08}.jsonl.zst", segment)
    if not folder.files("raw", ".zst"):  # with nothing at all it is no recording
        folder.write("raw/00000001.jsonl.zst", b"")
    yield


# -- damaged -------------------------------------------------------------------------------------


def check_damaged(which: int, edits: bytes) -> None:
    folder, intact = FOLDERS[which], SEGMENTS[which]
    segments = edited([*intact], edits)
    with holding(folder, segments):
        problems: list[str] = []
        read = [one for _, one in read_journal(folder, None, problems)]
        messages = [one for one in read if isinstance(one, MessageRecord)]
        numbers = [one.seq for one in messages]
        assert numbers == sorted(set(numbers)), f"twice or out of order: {numbers}"
        assert all(SENT[one.seq] == one for one in messages), "made up"
        assert all(one in RECORDS for one in read), "made up"
        inside = sorted(SENT.keys() - numbers)
        if numbers and any(seq < numbers[-1] for seq in inside):
            assert problems, f"{inside} are missing, and nobody says so"
        compare(folder, WHOLE[which])


def edited(segments: list[bytes], edits: bytes) -> list[bytes | None]:
    found: list[bytes | None] = [*segments]
    for start in range(0, min(len(edits), 6 * EDIT.size) - EDIT.size + 1, EDIT.size):
        what, number, place, length, source = EDIT.unpack_from(edits, start)
        number %= len(found)
        now = found[number] or b""
        place %= len(now) + 1
        other = segments[source % len(segments)]
        begin = other.find(b"\x28\xb5\x2f\xfd", source % (len(other) + 1))
        begin = max(begin, 0)
        if what % 6 == 0 and place < len(now):
            found[number] = now[:place] + bytes([now[place] ^ 1 << length % 8]) + now[place + 1 :]
        elif what % 6 == 1:
            found[number] = now[:place]
        elif what % 6 == 2:
            found[number] = now[:place] + now[place + length :]
        elif what % 6 == 3:
            end = other.find(b"\x28\xb5\x2f\xfd", begin + 1)
            whole = other[begin : end if end > 0 and length % 2 else None]
            spot = max(now.find(b"\x28\xb5\x2f\xfd", place), 0) if length % 4 < 2 else place
            found[number] = now[:spot] + whole + now[spot:]
        elif what % 6 == 4:
            found[number] = None
        else:
            swap = source % len(found)
            found[number], found[swap] = found[swap], found[number]
    return found


def compare(folder: DiskFolder, intact: fl.Recording) -> None:
    """Load what is left: no more rows than there were, and in the declared schemas."""
    rec = fl.load(folder.path)
    for name in EVENTS:
        frame = rec.frames[name]
        assert frame.schema == schema(name), name
        if name != "iot_monitor":  # where the last content is lost, a queue is new again
            assert len(frame) <= len(intact.frames[name]), name
        assert frame["seq"].is_sorted(), name
    for name in (*GROWING, "trackers"):
        assert getattr(rec, name).schema == schema(name), name
    repr(rec), rec.summary()


# -- made up -------------------------------------------------------------------------------------


def check_made_up(folder: DiskFolder, lines: bytes) -> None:
    frame = zstd.compress(lines + b"\n", options=FRAME)
    with holding(folder, [frame]):
        try:
            rec = fl.load(folder.path)
        except fl.FleetlabError:
            return
    size = 0
    for name in EVENTS:
        found = rec.frames[name]
        assert found.schema == schema(name), name
        size += int(found.estimated_size())
    for name in (*GROWING, "trackers"):
        assert getattr(rec, name).schema == schema(name), name
    assert size < 1_000_000 + 1_000 * len(lines), f"{size:,} bytes from {len(lines):,}"
    json.dumps(rec.info.requests)
    repr(rec), rec.summary()


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    if data and data[0] & 1 and seed % 8:
        found = documents(data, BETWEEN, max_size, seed)
        return bytes([found[0] | 1]) + found[1:] if found else data
    rng = Random(seed)
    if rng.random() < 0.5:
        edits = [data[n : n + EDIT.size] for n in range(1, len(data), EDIT.size)][:5]
        one = EDIT.pack(
            rng.randrange(6), *(rng.randrange(256), *(rng.randrange(9_000) for _ in "abc"))
        )
        edits.insert(rng.randrange(len(edits) + 1), one)
        return (data[:1] + b"".join(edits))[:max_size]
    return bytes(atheris.Mutate(data, max_size))
