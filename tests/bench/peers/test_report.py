"""Figures, ratios, and the page that is written from a report."""

import io

from rich.console import Console

from bench.peers import report
from bench.peers.figures import cells, trouble
from bench.peers.rounds import Summary
from tests.bench.peers.turns import comparison, phase, turn


def test_a_ratio_is_that_of_medians_to_the_first_system():
    turns = [
        turn("ours", 1, flows={"1": phase(100.0)}),
        turn("ours", 2, flows={"1": phase(300.0)}),
        turn("ours", 3, flows={"1": phase(200.0)}),
        turn("theirs", 1, flows={"1": phase(500.0)}),
    ]
    found = cells(turns, ["ours", "theirs"])
    assert found["ours"]["flow_1"].summary == Summary(300.0, 200.0, 3)
    assert found["ours"]["flow_1"].ratio == 1.0
    assert found["theirs"]["flow_1"].ratio == 2.5
    assert found["theirs"]["flow_8"].summary is None


def test_a_load_that_left_messages_behind_gives_no_figure():
    found = cells([turn(steady=phase(late=3)), turn(number=2)], ["ours"])["ours"]
    assert found["delivered_p50"].summary == Summary(2.0, 2.0, 1)
    assert found["steady_cpu"].summary == Summary(70.0, 70.0, 1)
    nothing = cells([turn(steady=phase(doubled=1))], ["ours"])["ours"]
    assert nothing["delivered_p50"].summary is None


def test_the_busiest_load_is_the_largest_that_was_carried():
    flows = {"1": phase(cpu=90.0), "8": phase(cpu=50.0), "32": phase(cpu=30.0, late=7)}
    found = cells([turn(flows=flows)], ["ours"])["ours"]
    assert found["flow_32"].summary is None
    assert found["busy_server"].summary == Summary(50.0, 50.0, 1)


def test_deliveries_of_a_group_are_messages_times_members():
    found = cells([turn(group=phase(10.0), group_members=256)], ["ours"])["ours"]
    assert found["group"].summary == Summary(2560.0, 2560.0, 1)


def test_trouble_is_said_in_numbers():
    assert trouble(phase()) == ""
    assert trouble(phase(late=3, doubled=2)) == "2 doubled, 3 of 1,000 too late"


def test_the_page_holds_figures_words_and_what_to_know():
    told = comparison(
        [
            turn("ours", steady=phase(p50=4.0)),
            turn("theirs", steady=phase(p50=2.0, copies=1.5), jitter=0.2),
            turn("broken", failed="it ended.", steady=None, flows={}),
        ],
        discarded=(turn("theirs", jitter=0.3),),
    )
    page = report.page(told)
    assert "| The theirs | 1.00 | 1.00 | - | 0.50" in page
    assert "4.00 (4.00)" in page
    assert "- acked: when it is taken" in page
    assert "- theirs, round 1, steady: 1.5 copies of a message are in the archive" in page
    assert "- theirs, round 1: the machine was disturbed: a sleeper lost 20% of its time" in page
    assert "- broken, round 1: failed: it ended." in page
    assert "- 1 turn(s) were taken again" in page


def test_a_report_is_read_as_it_was_written_and_shown(tmp_path):
    told = comparison([turn("ours"), turn("theirs")])
    report.write(told, tmp_path / "report.json")
    assert report.read(tmp_path / "report.json") == told
    printed = io.StringIO()
    report.show(told, Console(file=printed, width=120))
    lines = [line.split() for line in printed.getvalue().splitlines()]
    assert ["messages/s,", "8", "in", "flight", "300", "300"] in lines
    assert ["messages/s,", "8", "in", "flight", "1.00", "1.00"] in lines


def test_the_page_in_the_tree_is_that_of_its_report():
    assert report.PAGE.read_text() == report.page(report.read(report.PAGE_REPORT))
