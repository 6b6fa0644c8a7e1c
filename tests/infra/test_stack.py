def test_all_four_parts_answer(stack):
    assert {status.name: status.state for status in stack.status()} == dict.fromkeys(
        ("kafka", "registry", "cassandra", "redis"), "ready"
    )
