"""Metrics: what is counted is what a scrape shows, under the names of the catalogue."""

import re

import pytest

from infra import telemetry
from infra.telemetry import METRICS, Telemetry


def test_every_metric_is_shown_under_its_name_with_its_sentence() -> None:
    shown = Telemetry("test", instance_id="one")
    for metric in METRICS:
        labels = [f"a-{label}" for label in metric.labels]
        if metric.kind == "counter":
            shown.count(metric, 3, *labels)
        elif metric.kind == "gauge":
            shown.gauge(metric, lambda: 7)
        else:
            shown.observe(metric, 0.02, *labels)
    text = shown.render().decode()
    for metric in METRICS:
        assert f"# HELP {metric.exposed} {metric.sentence}" in text
        assert f"# TYPE {metric.exposed} {metric.kind}" in text
    assert "otel_scope" not in text
    assert 'service_name="test"' in text


def test_counters_add_up_by_label() -> None:
    shown = Telemetry("test")
    shown.records("history", "handled", 2)
    shown.records("history", "handled", 3)
    shown.records("history", "dead", 1)
    add = shown.counter(telemetry.EDGE_FRAMES_SENT)
    add(2)
    add(5)
    text = shown.render().decode()
    assert 'chat_worker_records_total{group="history",outcome="handled"} 5.0' in text
    assert 'chat_worker_records_total{group="history",outcome="dead"} 1.0' in text
    assert "chat_edge_frames_sent_total 7.0" in text


def test_a_metric_outside_the_catalogue_is_refused() -> None:
    stranger = telemetry.Metric("chat.stranger", "counter", "{x}", "Not in the catalogue.")
    with pytest.raises(AssertionError):
        Telemetry("test").count(stranger)


def test_names_units_and_sentences_are_well_formed() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"chat(\.[a-z_]+)+", metric.name)
        assert metric.sentence.endswith(".")
        assert not {"user", "conversation", "device"} & set(metric.labels)
