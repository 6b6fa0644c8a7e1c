"""What a history says of how long a fault was felt, and what is drawn of it."""

from xml.etree import ElementTree

from chaos import picture
from chaos.history import Began, Ended, Healed, Line, Shown, Struck, Whole
from chaos.timeline import LATE_SECONDS, episodes

CONVERSATION = "d:ann:bob"


def message(number: int, sent: float, accepted: float, shown: float) -> list[Line]:
    return [
        Began(sent, "ann", CONVERSATION, number),
        Ended(accepted, number, seq=number),
        Shown(shown, "bob", CONVERSATION, number, "ann", str(number)),
        Shown(accepted, "ann", CONVERSATION, number, "ann", str(number)),
    ]


def run(*messages: list[Line], whole: bool = True) -> list[Line]:
    lines = [line for one in messages for line in one]
    lines += [Struck(10.0, "one"), Healed(14.0, "one"), Whole(18.0, "one", whole)]
    return sorted(lines, key=lambda line: line.at)


def test_a_fault_that_nobody_noticed_was_felt_for_no_time() -> None:
    (episode,) = episodes(run(message(1, 9.9, 10.1, 10.2), message(2, 12.0, 12.1, 12.2)))
    assert (episode.felt_seconds, episode.late, episode.sent) == (0.0, 0, 2)
    assert episode.whole_after_heal_seconds == 4.0


def test_it_is_felt_until_the_last_late_message_has_come() -> None:
    late = message(2, 11.0, 15.0, 15.5)
    (episode,) = episodes(run(message(1, 9.0, 9.1, 9.2), late, message(3, 16.0, 16.1, 16.2)))
    assert (episode.felt_seconds, episode.late) == (5.5, 1)
    assert episode.felt_after_heal_seconds == 1.5


def test_shown_late_is_late_though_it_was_accepted_at_once() -> None:
    (episode,) = episodes(run(message(1, 11.0, 11.1, 11.0 + LATE_SECONDS + 0.1)))
    assert episode.late == 1


def test_what_was_sent_after_all_was_whole_belongs_to_the_next_fault() -> None:
    lines = run(message(1, 19.0, 22.0, 22.0))
    lines += [Struck(20.0, "two"), Healed(21.0, "two"), Whole(23.0, "two")]
    first, second = episodes(sorted(lines, key=lambda line: line.at))
    assert (first.late, second.late) == (0, 1)


def test_a_message_that_never_came_is_late_and_a_refused_one_is_not() -> None:
    lines = run([Began(11.0, "ann", CONVERSATION, 1)])
    lines += [Began(12.0, "ann", CONVERSATION, 2), Ended(12.1, 2, code="forbidden")]
    (episode,) = episodes(sorted(lines, key=lambda line: line.at))
    assert (episode.late, episode.refused) == (1, 1)


def test_what_did_not_become_whole_says_so() -> None:
    (episode,) = episodes(run(whole=False))
    assert episode.whole_at is None
    assert episode.whole_after_heal_seconds is None


def test_samples_count_each_message_once() -> None:
    (episode,) = episodes(run(message(1, 9.0, 12.0, 12.1), message(2, 13.0, 13.1, 13.2)))
    for kind in ("sent", "accepted", "shown"):
        assert sum(getattr(sample, kind) for sample in episode.samples) == 2
    assert next(one.at for one in episode.samples if one.accepted) == 12.0


def test_the_picture_is_an_image_of_the_episode() -> None:
    (episode,) = episodes(run(message(1, 11.0, 15.0, 15.5)))
    root = ElementTree.fromstring(picture.svg(episode))
    assert root.tag.endswith("svg")
    assert "felt for 5.5 s" in "".join(root.itertext())
    lines = [one for one in root.iter() if one.tag.endswith("polyline")]
    assert len(lines) == 3
    assert all(len(one.attrib["points"].split()) == len(episode.samples) for one in lines)
