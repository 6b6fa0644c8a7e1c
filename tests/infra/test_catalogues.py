"""When one of the catalogues cannot be applied, the operator learns what became of the others."""

from concurrent.futures import Future

import pytest

from infra.catalogues import require_done
from infra.errors import UserError
from infra.exits import Exit


def done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


def failed(error: Exception) -> Future[None]:
    future: Future[None] = Future()
    future.set_exception(error)
    return future


def refused(sentence: str, status: int = Exit.FAILED) -> UserError:
    return UserError("a_code", sentence, "Do something.", exit_status=status)


def test_when_all_is_done_nothing_is_raised():
    require_done({"topics": done(), "schemas": done()})


def test_a_part_that_failed_is_named_beside_those_that_were_done():
    parts = {
        "topics": done(),
        "schemas": failed(refused("The registry does not answer.", Exit.SETTINGS)),
        "rights": done(),
    }
    with pytest.raises(UserError) as caught:
        require_done(parts)

    assert caught.value.code == "a_code"
    assert caught.value.exit_status == Exit.SETTINGS
    assert caught.value.sentence == (
        "The registry does not answer (applied: topics, rights; not applied in full: schemas)."
    )


def test_every_part_that_failed_is_named():
    parts = {"topics": failed(refused("One.")), "schemas": failed(refused("Two."))}
    with pytest.raises(UserError) as caught:
        require_done(parts)

    assert caught.value.sentence == (
        "One (applied: nothing; not applied in full: topics, schemas)."
    )


def test_a_fault_of_the_program_is_not_hidden_behind_a_sentence():
    parts = {"topics": failed(refused("One.")), "schemas": failed(KeyError("x")), "rights": done()}
    with pytest.raises(KeyError) as caught:
        require_done(parts)

    assert caught.value.__notes__ == ["applied: rights; not applied in full: topics, schemas"]
