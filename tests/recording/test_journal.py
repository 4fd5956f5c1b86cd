"""What was flushed can be read again, exactly; what can't be read is told of, never made up."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleetlab.errors import RecordingError
from fleetlab.recording import frames
from fleetlab.recording.folder import DiskFolder, Folder, MemoryFolder
from fleetlab.recording.journal import JournalWriter, Position, decode, encode, read_journal
from fleetlab.recording.zstd import zstd
from fleetlab.records import ConnectionRecord, MessageRecord, RestRecord

FIRST = "raw/00000001.jsonl.zst"
AT = 1_795_475_700_000_000


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["disk", "memory"])
def folder(request, tmp_path) -> Folder:
    if request.param == "memory":
        return MemoryFolder("night")
    return DiskFolder.create(tmp_path / "night")


def message(seq: int, text: str = "") -> MessageRecord:
    return MessageRecord(seq, AT + seq, f'{{"event":"state","n":{seq}{text}}}'.encode())


def written(folder: Folder, records, each: int = 1, **options) -> list[Position]:
    """Write records, `each` of them in a frame."""
    with JournalWriter(folder, clock=Clock(), **options) as journal:
        positions = []
        for count, record in enumerate(records, 1):
            positions.append(journal.append(record))
            if count % each == 0:
                journal.flush()
    return positions


def read(folder: Folder, after=None, problems=None):
    return [record for _, record in read_journal(folder, after, problems)]


def damaged(data: bytes) -> MemoryFolder:
    folder = MemoryFolder("night")
    folder.write(FIRST, data)
    return folder


MIXED = [
    ConnectionRecord(AT, "connected", attempt=1),
    RestRecord(AT + 1, "tracker/list", {"success": True, "list": [{"id": 1, "label": "Été"}]}),
    *(message(seq) for seq in range(1, 9)),
    MessageRecord(9, AT + 9, b"\xff\xfe\x00"),
    ConnectionRecord(AT + 10, "lost", code=1006, detail="no answer", facts={"tries": [1, 2.5]}),
    message(10),
]

# --- lines ---------------------------------------------------------------------------------------

texts = st.text(st.characters(), max_size=30)
replies = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
moments = st.integers(0, 253_402_214_400_000_000)  # to the year 9999
records = (
    st.builds(MessageRecord, st.integers(1, 2**62), moments, st.binary(max_size=50))
    | st.builds(
        MessageRecord,
        st.integers(1, 2**62),
        moments,
        texts.filter(lambda text: text.isprintable()).map(str.encode),
    )
    | st.builds(RestRecord, moments, texts, replies)
    | st.builds(
        ConnectionRecord,
        moments,
        texts,
        st.none() | st.integers(0, 2**62),
        st.none() | st.integers(0, 9999),
        st.none() | texts,
        st.dictionaries(texts, replies, max_size=3),
    )
)


def line_of(record):
    return b"".join(encode(record))


@given(records)
@example(ConnectionRecord(0, "", facts={"\ud800": None}))
def test_every_record_comes_back_from_its_line(record):
    line = line_of(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == decode(line[:-1]) == decode(memoryview(line)) == record


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\n\r\n",
        "\u2028\u2029\x85\ufeff".encode(),
        rb'"\ud800"',
        b"\xed\xa0\x80",
        b"\xc3",
        bytes(range(256)),
        "\U0001f69a".encode() * 1000,
    ],
)
def test_any_bytes_of_a_message_come_back(data):
    assert decode(line_of(MessageRecord(1, AT, data))) == MessageRecord(1, AT, data)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_large_message_has_the_same_line_in_whatever_parts_it_is_made(monkeypatch, size):
    record = MessageRecord(1, AT, '{"a":"\\n\t\U0001f69a é"}'.encode() * 20)
    whole = line_of(record)
    monkeypatch.setattr("fleetlab.recording.lines._PART", size)
    assert line_of(record) == whole
    assert decode(whole) == record


def test_half_a_surrogate_pair_in_a_reply_does_not_end_a_capture():
    record = RestRecord(AT, "tracker/list", json.loads(r'{"label":"\ud800"}'))
    assert decode(line_of(record)) == record


def test_the_lines_are_those_of_the_contract():
    assert line_of(MessageRecord(1, 123, b"{}")) == b'{"seq":1,"at":123,"text":"{}"}\n'
    assert line_of(MessageRecord(1, 123, b"\xff")) == b'{"seq":1,"at":123,"b64":"/w=="}\n'
    assert line_of(RestRecord(5, "tracker/list", None)) == (
        b'{"at":5,"rest":"tracker/list","reply":null}\n'
    )
    assert line_of(ConnectionRecord(5, "lost", code=1006)) == (
        b'{"at":5,"connection":{"what":"lost","code":1006}}\n'
    )


def test_nulls_and_unknown_keys_of_a_line_do_no_harm():
    line = b'{"at":5,"connection":{"what":"x","attempt":null,"code":null,"facts":null},"new":1}'
    assert decode(line) == ConnectionRecord(5, "x")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b'{"seq":1,"at":2}',
        b'{"seq":1,"text":"x"}',
        b'{"at":1,"rest":"x"}',
        b'{"seq":"1","at":2,"text":"x"}',
        b'{"seq":1,"at":2,"b64":"?"}',
        rb'{"seq":1,"at":2,"text":"\ud800"}',
        b'{"at":1,"connection":{}}',
        b'{"seq":1,"at":2,"text":"x',
        b'{"seq":1,"at":2,"text":"\xff"}',
        b"[" * 100_000,
        b'{"seq":9223372036854775808,"at":2,"text":"x"}',
        b'{"seq":1,"at":253402300800000000,"text":"x"}',
        b'{"seq":1,"at":-62135596800000001,"text":"x"}',
        b'{"at":1,"connection":{"what":"lost","code":9223372036854775808}}',
        *(
            b'{"at":1,"connection":{"what":"started","facts":{%b}}}' % facts
            for facts in (
                b'"requests":[{"type":"state"}]',
                b'"requests":[{"type":"state","trackers":"some"}]',
                b'"requests":5',
                b'"recording":null',
                b'"started_at":1e300',
                b'"server":[]',
                b'"alive":5',
                b'"alive":["x",null]',
            )
        ),
    ],
)
def test_a_bad_line_is_a_value_error(line):
    with pytest.raises(ValueError, match="journal"):
        decode(line)


# --- writing and reading -------------------------------------------------------------------------


def test_a_journal_gives_back_its_records_in_order(folder):
    problems = []
    positions = written(folder, MIXED, each=3)
    assert list(read_journal(folder, problems=problems)) == list(zip(positions, MIXED, strict=True))
    assert positions == sorted(set(positions))
    assert positions[0] == Position(1, 0, 1)
    assert positions[2] == Position(1, 0, 3)
    assert positions[3].line == 1
    assert problems == []


def test_any_tool_can_read_a_segment(folder):
    written(folder, MIXED, each=2)
    assert zstd.decompress(folder.read(FIRST)) == b"".join(map(line_of, MIXED))


def test_an_empty_journal_has_no_file_and_no_records(folder):
    with JournalWriter(folder) as journal:
        assert journal.flushed == Position(0, 0, 0)
        journal.flush()
        assert not journal.flush_due()
    assert folder.names() == []
    assert read(folder, problems=[]) == []


def test_resuming_after_any_place_gives_exactly_the_rest(folder):
    positions = written(folder, MIXED, each=3, segment_bytes=200)
    assert positions[-1].segment > 3
    assert read(folder, Position(0, 0, 0), problems := []) == MIXED
    assert problems == []
    for count, position in enumerate(positions, 1):
        problems = []
        assert read(folder, position, problems) == MIXED[count:]
        assert problems == []


def test_segments_end_by_size(folder):
    positions = written(folder, [message(seq) for seq in range(1, 21)], segment_bytes=300)
    by_segment = [position.segment for position in positions]
    assert by_segment == sorted(by_segment)
    assert len(folder.files("raw", ".jsonl.zst")) == by_segment[-1] > 2
    for name in folder.files("raw", ".jsonl.zst"):
        assert zstd.decompress(folder.read(name)).endswith(b"\n")


def test_segments_end_by_age_and_begin_with_a_record(folder):
    clock = Clock()
    with JournalWriter(folder, clock=clock) as journal:
        journal.append(message(1))
        clock.now = 600
        assert journal.append(message(2)) == Position(1, 0, 2)
        assert journal.flushed == Position(1, 0, 2)
        assert folder.files("raw", ".jsonl.zst") == [FIRST]
        assert journal.append(message(3)) == Position(2, 0, 1)
    assert read(folder) == [message(seq) for seq in (1, 2, 3)]


def test_a_flush_shows_what_was_appended_and_only_that(folder):
    clock = Clock()
    with JournalWriter(folder, clock=clock) as journal:
        journal.append(message(1))
        assert read(folder) == []
        assert journal.flushed < journal.appended
        journal.flush()
        assert journal.flushed == journal.appended == Position(1, 0, 1)
        journal.append(message(2))
        assert read(folder) == [message(1)]


def test_flushing_is_due_after_a_while_or_a_lot(folder):
    clock = Clock()
    with JournalWriter(folder, clock=clock, flush_seconds=1, flush_bytes=10_000) as journal:
        journal.append(message(1))
        clock.now = 0.9
        assert not journal.flush_due()
        journal.append(message(2))
        clock.now = 1.0
        assert journal.flush_due()
        assert journal.flushed == journal.appended
        assert not journal.flush_due()
        journal.append(message(3))
        clock.now = 2.5
        journal.append(message(4))
        assert journal.flushed == journal.appended
        journal.append(message(5, "x" * 10_000))
        assert journal.flushed == journal.appended
    assert len(read(folder)) == 5


def test_a_second_writer_goes_on_after_the_first(folder):
    written(folder, MIXED[:5])
    assert written(folder, MIXED[5:])[0] == Position(2, 0, 1)
    assert read(folder) == MIXED


def test_a_reader_in_another_thread_follows_the_writer(folder):
    done = threading.Event()

    def write():
        with JournalWriter(folder, flush_bytes=500, segment_bytes=20_000) as journal:
            for seq in range(1, 1501):
                journal.append(message(seq))
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen, after, last = [], None, False
    while not last:
        last = done.is_set()
        for position, record in read_journal(folder, after):
            after = position
            seen.append(record)
    thread.join()
    assert seen == [message(seq) for seq in range(1, 1501)]


# --- what goes wrong -----------------------------------------------------------------------------

WRITER = """
import sys
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import JournalWriter
from fleetlab.records import MessageRecord
journal = JournalWriter(DiskFolder(sys.argv[1]), segment_bytes=100_000)
for seq in range(1, 10_000_000):
    journal.append(MessageRecord(seq, seq, b"x" * 1000 + str(seq).encode()))
    if seq % 7 == 0:
        journal.flush()
        print(seq, flush=True)
"""


def test_a_killed_process_loses_nothing_that_it_flushed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(50):
            process.stdout.readline()
        process.kill()
        flushed = [int(line) for line in process.stdout if line.endswith("\n")]
    seqs = [record.seq for record in read(DiskFolder(tmp_path))]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= max(flushed, default=350)


FULL = """
import random, resource, signal, sys
from fleetlab.errors import RecordingError
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import JournalWriter
from fleetlab.records import MessageRecord
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
journal = JournalWriter(DiskFolder(sys.argv[1]))
try:
    for seq in range(1, 1000):
        journal.append(MessageRecord(seq, seq, random.randbytes(1000)))
        journal.flush()
        print(seq)
except RecordingError as error:
    print(error)
try:
    journal.close()
except RecordingError:
    print("closed")
"""


def test_a_full_disk_is_told_and_costs_nothing_that_was_flushed(tmp_path):
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    *flushed, sentence, closed = done.stdout.splitlines()
    assert "can't be written" in sentence
    assert "Free some space" in sentence
    assert closed == "closed"
    problems = []
    seqs = [record.seq for record in read(DiskFolder(tmp_path), problems=problems)]
    assert seqs == list(map(int, flushed))
    assert len(seqs) > 20
    assert problems == []


def test_what_a_full_disk_refused_is_written_once_there_is_space(tmp_path, monkeypatch):
    folder = DiskFolder.create(tmp_path / "night")
    with JournalWriter(folder, clock=Clock()) as journal:
        journal.append(message(1))
        journal.flush()
        journal.append(message(2))
        file = journal._file._file
        real = file.write

        class Full:
            def __getattr__(self, name):
                return getattr(file, name)

            def write(self, data):
                real(data[:10])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(journal._file, "_file", Full())
        with pytest.raises(RecordingError, match="No space left"):
            journal.flush()
        assert journal.flushed == Position(1, 0, 1)
        monkeypatch.undo()
        journal.append(message(3))
    problems = []
    assert read(folder, problems=problems) == [message(seq) for seq in (1, 2, 3)]
    assert problems == []


def test_a_file_cut_anywhere_gives_what_is_before(folder):
    written(folder, MIXED, each=3)
    data = folder.read(FIRST)
    lengths = []
    for cut in range(len(data) + 1):
        problems = []
        got = read(damaged(data[:cut]), problems=problems)
        assert got == MIXED[: len(got)]
        assert bool(problems) == (zstd_frames(data[:cut]) is None)
        lengths.append(len(got))
    assert lengths[0] == 0
    assert lengths[-1] == len(MIXED)
    assert all(one <= two for one, two in pairwise(lengths))


def zstd_frames(data: bytes) -> int | None:
    """Count the frames; None if the last one isn't whole."""
    count = 0
    while data:
        decompressor = zstd.ZstdDecompressor()
        decompressor.decompress(data)
        if not decompressor.eof:
            return None
        data = decompressor.unused_data
        count += 1
    return count


def is_part_of(got: list, whole: list) -> bool:
    rest = iter(whole)
    return all(record in rest for record in got)


@pytest.mark.parametrize("end", [0, 40], ids=["closed", "killed"])
def test_a_flipped_bit_anywhere_costs_one_frame_and_makes_up_nothing(end):
    whole = MemoryFolder("night")
    written(whole, MIXED, each=3)
    data = whole.read(FIRST)
    data = data[: len(data) - end]
    before = len(read(damaged(data)))
    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            problems = []
            got = read(damaged(bytes(flipped)), problems=problems)
            assert is_part_of(got, MIXED)
            assert len(got) >= before - 3
            assert problems or len(got) == before


@given(st.randoms(use_true_random=False))
def test_scrambled_stretches_make_up_nothing(rng: Random):
    whole = MemoryFolder("night")
    written(whole, MIXED, each=2)
    data = bytearray(whole.read(FIRST))
    start = rng.randrange(len(data))
    stop = min(len(data), start + rng.randrange(1, 200))
    kind = rng.randrange(3)
    data[start:stop] = (b"", bytes(stop - start), rng.randbytes(stop - start))[kind]
    assert is_part_of(read(damaged(bytes(data)), problems=[]), MIXED)


def test_the_sentence_names_the_file_and_the_missing_messages():
    whole = MemoryFolder("night")
    positions = written(whole, [message(seq) for seq in range(1, 10)], each=3)
    data = bytearray(whole.read(FIRST))
    second = data.index(b"\x28\xb5\x2f\xfd", 1)
    data[second + 30] ^= 1
    problems = []
    got = list(read_journal(damaged(bytes(data)), problems=problems))
    assert [record.seq for _, record in got] == [1, 2, 3, 7, 8, 9]
    third = data.index(b"\x28\xb5\x2f\xfd", second + 1)
    where = f"{third - second} bytes from byte {second} on are damaged"
    assert problems == [f"{FIRST}: {where}; messages 4 to 6 are missing."]
    assert [position for position, _ in got] == positions[:3] + positions[6:]


def test_damage_shifts_no_place():
    whole = MemoryFolder("night")
    positions = written(whole, MIXED, each=2)
    data = bytearray(whole.read(FIRST))
    data[5] ^= 0xFF
    for count, position in enumerate(positions[2:], 3):
        problems = []
        assert read(damaged(bytes(data)), position, problems) == MIXED[count:]
        assert problems == []


@pytest.mark.parametrize("place", [(1, -5, -5), (1, 10**9, 3), (-1, 7, 7), (9, 0, 0), (1, 5, 1)])
def test_a_place_that_never_was_does_no_harm(folder, place):
    written(folder, MIXED)
    assert is_part_of(read(folder, Position(*place), []), MIXED)


def test_a_damaged_end_says_what_came_before_it():
    whole = MemoryFolder("night")
    written(whole, [message(seq) for seq in range(1, 7)], each=3)
    problems = []
    read(damaged(whole.read(FIRST)[:-5]), problems=problems)
    assert len(problems) == 1
    assert "damaged or incomplete; messages after 3 may be missing." in problems[0]


def test_a_missing_segment_is_told_of():
    folder = MemoryFolder("night")
    written(folder, [message(seq) for seq in range(1, 5)], segment_bytes=1)
    folder.remove("raw/00000002.jsonl.zst")
    problems = []
    assert [record.seq for record in read(folder, problems=problems)] == [1, 3, 4]
    (problem,) = problems
    assert problem.startswith("raw/00000002.jsonl.zst is missing")
    assert problem.endswith("; message 2 is missing.")


def test_a_bad_line_is_skipped_and_told_of():
    lines = line_of(message(1)) + b"nonsense\n" + line_of(message(2))
    options = {zstd.CompressionParameter.checksum_flag: 1}
    folder = damaged(zstd.compress(lines, options=options))
    problems = []
    assert list(read_journal(folder, problems=problems)) == [
        (Position(1, 0, 1), message(1)),
        (Position(1, 0, 3), message(2)),
    ]
    assert "line 2 from byte 0 on is not a line of a journal" in problems[0]
    assert "no message is missing" in problems[0]


def test_what_follows_a_hundred_bad_lines_of_a_frame_is_left_out_and_told_of():
    options = {zstd.CompressionParameter.checksum_flag: 1}
    bad = zstd.compress(b"x\n" * 1_000_000 + line_of(message(2)), options=options)
    good = [zstd.compress(line_of(message(seq)), options=options) for seq in (1, 3)]
    problems = []
    folder = damaged(good[0] + bad + good[1])
    assert read(folder, problems=problems) == [message(1), message(3)]
    assert len(problems) == 101
    assert "the lines of that frame behind it are left out" in problems[-1]
    assert "; message 2 is missing." in problems[-1]


@pytest.mark.parametrize("order", [[1, 2, 2, 3], [1, 3, 2, 3], [2, 1, 3], [3, 2, 1, 1]])
def test_each_message_comes_once_and_in_its_turn_whatever_files_are_put_together(order):
    written(whole := MemoryFolder("night"), [message(n) for n in range(1, 10)], segment_bytes=100)
    names = whole.files("raw", ".zst")
    assert len(names) > len(order)
    folder = MemoryFolder("mixed")
    for place, number in enumerate(order):
        folder.write(names[place], whole.read(names[number - 1]))
    problems = []
    seqs = [record.seq for record in read(folder, problems=problems)]
    assert seqs == sorted(set(seqs))
    assert any("come twice or after later ones are left out" in problem for problem in problems)


def test_what_has_no_checksum_is_not_trusted():
    problems = []
    assert read(damaged(zstd.compress(line_of(message(1)))), problems=problems) == []
    assert problems


def test_other_files_in_the_journals_folder_are_passed_over():
    folder = MemoryFolder("night")
    written(folder, MIXED)
    folder.write("raw/notes.jsonl.zst", b"x")
    assert read(folder) == MIXED


def test_a_decompression_bomb_is_left_alone(monkeypatch):
    monkeypatch.setattr(frames, "FRAME_LIMIT", 4_000_000)
    options = {zstd.CompressionParameter.checksum_flag: 1}
    bomb = zstd.compress(bytes(200_000_000), options=options)
    whole = MemoryFolder("night")
    written(whole, MIXED)
    folder = damaged(bomb + whole.read(FIRST))
    problems = []
    tracemalloc.start()
    try:
        assert read(folder, problems=problems) == MIXED
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
    assert len(problems) == 1


def test_a_reader_that_stops_early_leaves_no_file_open(folder):
    written(folder, MIXED)
    reader = read_journal(folder)
    next(reader)
    reader.close()
