"""The tables of docs/performance.md: from records, or saying that there are none."""

from pathlib import Path

import msgspec
import pytest

from bench import record, report
from bench.gate import Baseline
from bench.record import Record
from bench.scenarios.edge import EdgeResult, Inbound
from bench.scenarios.overload import OverloadResult
from bench.scenarios.profile import Profiled, ProfileResult
from bench.scenarios.scale import Axis, Point, ScaleResult
from cli.docs import PERFORMANCE
from cli.performance import TABLES, filled
from tests.bench.test_bars import traffic
from tests.bench.test_gate import BASELINE

TEXT = "before\n<!-- table: budget -->\nold\n<!-- end -->\nafter\n"


def kept(result) -> Record:
    return Record(
        measured_at="2026-01-01T00:00:00Z", machine="a machine", command="a command",
        disturbances=["too loud"], result=result,
    )  # fmt: skip


def profile() -> ProfileResult:
    return ProfileResult(
        pairs=1, traffic=traffic(), not_looked_at={"redis": "why"}, jitter_before=0.0,
        jitter_after=0.0,
        processes={
            "gateway-1": Profiled(
                microseconds_a_message=90.0, areas={"Avro": 0.6, "JSON": 0.395, "x": 0.005},
                picture="gateway-1.svg",
            )
        },
    )  # fmt: skip


def table(name: str, folder: Path, baseline: Path | None = None) -> str:
    text = f"<!-- table: {name} -->\n<!-- end -->"
    return filled(text, folder, baseline or folder / "baseline.json")


@pytest.mark.parametrize("name", list(TABLES))
def test_what_was_not_measured_says_so(name, tmp_path):
    assert "*Not measured yet: `chatlog bench" in table(name, tmp_path)


def test_a_table_is_made_anew_and_the_rest_stays(tmp_path):
    record.write(kept(profile()), tmp_path / "profile.json")
    made = filled(TEXT, tmp_path, tmp_path / "none")
    assert made.startswith("before\n<!-- table: budget -->\n| process |")
    assert made.endswith("\n<!-- end -->\nafter\n")
    assert "old" not in made
    assert "| gateway-1 | 90 | 100% |" in made
    assert "2026-01-01T00:00:00Z, a machine: `a command`. Disturbed: too loud." in made
    assert filled(made, tmp_path, tmp_path / "none") == made


def test_areas_have_their_microseconds(tmp_path):
    record.write(kept(profile()), tmp_path / "profile.json")
    made = table("areas", tmp_path)
    assert "| gateway-1 | Avro | 54 | 60% |\n|  | JSON | 36 | 40% |" in made
    assert "| x |" not in made
    assert "- [gateway-1](performance/gateway-1.svg): 90 us\n- redis: none; why" in table(
        "pictures", tmp_path
    )


def test_a_line_has_a_row_for_each_point(tmp_path):
    points = [
        Point(at=1_000, traffic=traffic()),
        Point(at=2_000, traffic=traffic(lost=1, caught_up=None)),
    ]
    result = ScaleResult(axis=Axis.SOCKETS, points=points, jitter_before=0.0, jitter_after=0.0)
    record.write(kept(result), tmp_path / "scale-sockets.json")
    made = table("sockets", tmp_path)
    columns = "gateway-1 | load | total | delivered p50, ms | arrived | all stored after, s"
    assert f"| sockets | {columns} |" in made
    assert "| 1,000 | 90 | 0 | 90 | 5 | all | 0.5 |" in made
    assert "| 2,000 | 90 | 0 | 90 | 5 | **not all** | more than 10 |" in made


def test_the_edge_and_the_gate_have_theirs(tmp_path):
    inbound = Inbound(
        kind="send", depth=8, frames_per_second=9_000.0, pings_per_second=1.0,
        microseconds_a_frame=20.04, microseconds_a_request=22.5, kafka_microseconds_a_request=9.0,
        load_microseconds_a_request=1.0, records=1, missing=0, problems=0,
    )  # fmt: skip
    result = EdgeResult(
        sockets=1, inbound=[inbound], idle_sockets=10_000, connected_seconds=1.0,
        kib_a_socket=15.5, idle_microseconds_a_socket_and_second=1.0, ended=0,
        jitter_before=0.0, jitter_after=0.0,
    )  # fmt: skip
    record.write(kept(result), tmp_path / "edge.json")
    assert "| `send`, 8 at a time | 9,000 | 22.5 | 20.0 | 9.0 |" in table("edge", tmp_path)
    baseline = tmp_path / "baseline.json"
    baseline.write_bytes(msgspec.json.encode(BASELINE))
    assert isinstance(msgspec.json.decode(baseline.read_bytes(), type=Baseline), Baseline)
    assert "| kafka | 6.000 | 4.1% | 900 |" in table("gate", tmp_path, baseline)


def test_loads_tell_every_bar_and_what_was_not_measured(tmp_path):
    result = OverloadResult(
        calm=traffic(), steps=[traffic(), traffic()], recovered=traffic(),
        jitter_before=0.0, jitter_after=0.5,
    )  # fmt: skip
    report.write(report.report(1, "split", [result]), tmp_path / "bench-overload.json")
    made = table("loads", tmp_path)
    assert "| *Not measured yet: `chatlog bench latency`.* |" in made
    assert "| `chatlog bench overload` | goodput" in made
    assert made.count("| met |") + made.count("| **missed** |") >= 3
    assert "after the run a sleeper lost 50% of its time" in made


def test_the_page_has_every_table_once():
    text = PERFORMANCE.read_text()
    for name in TABLES:
        assert text.count(f"<!-- table: {name} -->") == 1
