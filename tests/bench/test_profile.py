"""What is made of sampled stacks: weights, areas, pictures; both profilers on real processes."""

import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from bench.profile import python, stacks
from bench.profile.areas import ELSE, RULES, Kind, shares
from bench.profile.flame import flame
from bench.profile.java import JavaProfile, by_kind, library
from bench.profile.threads import Clock, clocks, spent
from infra.errors import UserError
from tests.live import kafka_of

TEXT = "main;take;decode 30\nmain;take;write 50\nmain;tiny;tinier 1\nmain;take;decode 19\nbroken\n"


def test_stacks_are_read_added_and_written():
    found = stacks.parse(TEXT)
    assert found["main", "take", "decode"] == 49
    assert stacks.total(found) == 100
    assert stacks.parse(stacks.collapsed(found)) == found


def test_of_a_file_only_its_name_is_kept():
    assert stacks.parse("java/lang/Thread.run;/some/where/lib.so.6 3\n") == {
        ("java/lang/Thread.run", "lib.so.6"): 3
    }


def test_small_frames_become_one_and_no_weight_is_lost():
    pruned = stacks.pruned(stacks.parse(TEXT), share_min=0.02)
    assert pruned == {
        ("main", "take", "decode"): 49,
        ("main", "take", "write"): 50,
        ("main", stacks.OTHERS): 1,
    }


def test_scaling_keeps_proportions():
    scaled = stacks.scaled({("a",): 1, ("b",): 3}, 100.0)
    assert scaled == {("a",): 25.0, ("b",): 75.0}
    assert stacks.scaled({}, 5.0) == {}


def test_a_stack_belongs_to_its_innermost_known_frame():
    found = shares(
        {
            ("MainThread", "Guard.take (processors/guard.py)"): 1,
            ("MainThread", "Guard.take (processors/guard.py)", "Codec.decode (events/codec.py)",
             "schemaless_reader (_read.c)", "memcpy (libc.so.6)"): 4,
            ("MainThread", "(kernel)"): 2,
            ("librdkafka's threads", "in the kernel"): 2,
            ("nobody knows",): 1,
        },
        RULES[Kind.PYTHON],
    )  # fmt: skip
    assert found == {
        "Avro": 0.4,
        "the kernel: sockets, waking, sleeping": 0.2,
        "librdkafka's threads": 0.2,
        "batches of workers": 0.1,
        ELSE: 0.1,
    }


@pytest.mark.parametrize(
    ("kind", "stack", "area"),
    [
        (Kind.KAFKA, ("[C2 CompilerThre]", "Compile::Optimize"), "compiling (JIT)"),
        (Kind.KAFKA, ("[GC Thread]", "GangWorker::loop"), "collecting garbage"),
        (
            Kind.KAFKA,
            ("[data-plane-kafka-request-handler]", "KafkaApis.handleProduceRequest", "x"),
            "produce requests",
        ),
        (
            Kind.KAFKA,
            ("[data-plane-kafka-network-thread]", "Selector.select", "epoll_wait"),
            "network thread: waiting for sockets",
        ),
        (Kind.CASSANDRA, ("[MutationStage]", "x"), "writing rows"),
    ],
)
def test_threads_of_the_servers_have_their_areas(kind, stack, area):
    assert shares({stack: 1}, RULES[kind]) == {area: 1.0}


def test_a_process_is_of_its_kind():
    assert Kind.of("kafka") is Kind.of("kafka-2") is Kind.KAFKA
    assert Kind.of("gateway-1") is Kind.of("worker-1") is Kind.PYTHON


def test_threads_of_a_jvm_are_told_by_kind():
    sampled = {
        ("[MutationStage-1 tid=7]", "Lambda$$Lambda$12.0x00007f.run"): 2.0,
        ("[MutationStage-2 tid=8]", "Lambda$$Lambda$14.0x00008f.run"): 3.0,
        ("[C2 CompilerThre tid=9]", "x"): 1.0,
    }
    assert by_kind(sampled) == {
        ("[MutationStage]", "Lambda$Lambda.run"): 5.0,
        ("[C2 CompilerThre]", "x"): 1.0,
    }


def test_samples_that_wait_are_left_out_and_frames_lose_what_differs():
    main = "thread (7): MainThread"
    sampled = {
        (main, "<module> (x.py:1)", "uv_run (core.c)", "uv__io_poll (linux.c:9)", "epoll_wait"): 9,
        (main, "get (queue.py:1)", "PyThread_acquire_lock_timed (python3)", "0x1 (libc.so.6)"): 9,
        (main, "<module> (x.py:1)", "uv_run (core.c)", "take (edge/wire.py:7)"): 2,
        (main, "<module> (x.py:1)", "uv_run (core.c)", "take (edge/wire.py:9)"): 3,
    }
    assert python.busy(sampled) == {(main, "uv_run (core.c)", "take (edge/wire.py)"): 5.0}


def test_threads_weigh_what_their_clocks_say():
    sampled = {("thread (7): MainThread", "a"): 1.0, ("thread (7): MainThread", "b"): 3.0}
    begin = {7: Clock("python", 1.0, 1.0), 8: Clock("rdk:broker1", 0.0, 0.0)}
    end = {7: Clock("python", 1.4, 1.1), 8: Clock("rdk:broker1", 0.2, 0.3)}
    weighed = python.weighed(sampled, spent(begin, end))
    assert {stack: round(weight) for stack, weight in weighed.items()} == {
        ("MainThread", "a"): 100_000,
        ("MainThread", "b"): 300_000,
        ("MainThread", "(kernel)"): 100_000,
        ("librdkafka's threads", "user space"): 200_000,
        ("librdkafka's threads", "in the kernel"): 300_000,
    }


def test_a_picture_is_one_whole_file_and_its_widths_are_the_weights():
    drawn = flame("a <title>", {("main", "a<b>"): 75, ("main", "c"): 25}, "ns")
    root = ElementTree.fromstring(drawn)
    space = "{http://www.w3.org/2000/svg}"
    widths = {
        group.find(f"{space}title").text: float(group.find(f"{space}rect").get("width"))
        for group in root.iter(f"{space}g")
    }
    assert set(widths) == {"all: 100 ns, 100.0%", "main: 100 ns, 100.0%", "a<b>: 75 ns, 75.0%",
                           "c: 25 ns, 25.0%"}  # fmt: skip
    assert widths["a<b>: 75 ns, 75.0%"] == pytest.approx(3 * widths["c: 25 ns, 25.0%"], abs=0.2)
    assert "http" not in drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")


def used(pid: int) -> float:
    """Seconds of CPU that a process has had."""
    return sum(one.user_seconds + one.kernel_seconds for one in clocks(pid).values())


def test_a_real_process_is_looked_at(tmp_path: Path):
    spin = "def spin():\n    while True:\n        sum(range(1000))\nspin()"
    with subprocess.Popen([sys.executable, "-c", spin]) as process:
        try:
            while used(process.pid) < 0.3:  # until it is past its start
                time.sleep(0.02)
            begin = clocks(process.pid)
            found = python.PythonProfile(process.pid, 1.0, tmp_path / "raw").stacks()
            weighed = python.weighed(found, spent(begin, clocks(process.pid)))
        finally:
            process.kill()
    assert stacks.total(weighed) > 0
    in_spin = sum(weight for stack, weight in weighed.items() if "spin (<string>)" in stack)
    assert in_spin > 0.5 * stacks.total(weighed)


def test_a_running_jvm_is_looked_at(stack, tmp_path: Path):
    try:
        library()
    except UserError as error:
        pytest.skip(error.sentence)
    (pid,) = (status.pid for status in stack.status() if status.name == "kafka")
    profile = JavaProfile(pid, tmp_path / "raw")
    admin = AdminClient(kafka_of(stack).connection())
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:  # A broker with nothing to do is hardly seen at all.
        admin.list_topics(timeout=60)
    found = profile.stacks()
    assert any("kafka" in stack[0] for stack in found)
    again = JavaProfile(pid, tmp_path / "raw")  # What was loaded once is used again.
    time.sleep(0.5)
    again.stacks()
