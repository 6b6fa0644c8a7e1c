"""Files for other programs say what was meant, as those programs read them."""

import json
import re
import shlex
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from infra import formats
from infra.checkout import CHECKOUT
from infra.errors import UserError
from infra.stack.kafka import refuse_data_elsewhere
from infra.stack.stack import Stack

FOLDER = Path("/tmp/chat log ü 会話 #1 it's 🙂")

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def read_properties(data: bytes) -> dict[str, str]:
    """As java.util.Properties reads a file: in Latin-1, with backslash escapes."""
    read = {}
    for line in data.decode("latin-1").split("\n"):
        line = line.lstrip(" \t\f")
        if not line or line[0] in "#!":
            continue
        match = re.match(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)", line)
        assert match is not None
        read[_unescaped(match.group(1))] = _unescaped(match.group(2))
    return read


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        said = match.group(1)
        if said[0] == "u":
            return chr(int(said[1:], 16))
        return {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}.get(said, said)

    units = re.sub(r"\\(u[0-9a-f]{4}|.)", one, text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16")


@given(st.dictionaries(text.filter(bool), text, max_size=4))
def test_java_reads_properties_as_they_were_meant(values):
    written = formats.java_properties(values)

    assert written.isascii()
    assert read_properties(written.encode()) == values


def test_a_path_in_properties_is_the_path():
    written = formats.java_properties({"log.dirs": FOLDER})

    assert read_properties(written.encode()) == {"log.dirs": str(FOLDER)}
    assert "\\u00fc" in written


def test_a_path_in_yaml_is_the_path():
    written = formats.yaml({"data": FOLDER})

    assert json.loads(written) == {"data": str(FOLDER)}
    assert YAML(typ="safe").load(written) == {"data": str(FOLDER)}


@pytest.mark.parametrize("value", [str(FOLDER), "plain", "", "a=b #c", "two  spaces ", "it's"])
def test_an_env_file_is_read_alike_by_dotenv_and_by_a_shell(tmp_path, value):
    file = tmp_path / "environment"
    file.write_text(formats.env_file({"CHAT_X": value, "CHAT_Y": "2"}), encoding="utf-8")

    assert dotenv_values(file, interpolate=False) == {"CHAT_X": value, "CHAT_Y": "2"}
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert shlex.split(first) == [f"CHAT_X={value}"]


def test_a_word_of_nginx_ends_where_it_should():
    assert formats.nginx_word('a "b\\c') == '"a \\"b\\\\c"'


def test_jaas_options_are_quoted():
    said = formats.jaas("a.Module", {"username": "ann", "password": 'a"b'})

    assert said == 'a.Module required username="ann" password="a\\"b";'


def test_ordinary_and_foreign_paths_are_taken():
    assert formats.path_problem(FOLDER) == ""
    assert formats.path_problem(CHECKOUT) == ""


@pytest.mark.parametrize(
    "part", ["a:b", "a,b", "a=b", "a!b", "a$b", 'a"b', "a\\b", "a\nb", "a\x9bb"]
)
def test_what_some_part_cannot_be_told_is_refused_before_anything_is_written(tmp_path, part):
    with pytest.raises(UserError) as refused:
        Stack(tmp_path / part).start()

    assert refused.value.code == "unusable_path"
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_not_utf8_is_refused():
    assert "not UTF-8" in formats.path_problem(Path("/tmp/a\udcff"))


@pytest.mark.parametrize("misread", ["Ã¼", "??"])
def test_data_that_an_earlier_release_misplaced_is_named_and_left_alone(tmp_path, misread):
    data = tmp_path / "ü" / "data"
    elsewhere = tmp_path / misread / "data"
    elsewhere.mkdir(parents=True)
    (elsewhere / "meta.properties").write_text("version=1\n")

    with pytest.raises(UserError) as refused:
        refuse_data_elsewhere(data)

    assert refused.value.code == "kafka_data_elsewhere"
    assert str(elsewhere) in refused.value.sentence
    refuse_data_elsewhere(tmp_path / "plain" / "data")


def test_no_advice_destroys_data():
    """What `--wipe` and `rm` are for, nobody is advised to do."""
    for file in [*CHECKOUT.glob("infra/**/*.py"), *CHECKOUT.glob("cli/**/*.py")]:
        source = file.read_text(encoding="utf-8")
        for advice in re.findall(r"UserError\((.*?)\n\s*\)", source, re.DOTALL):
            assert not re.search(r"--wipe|\brm\b|[Dd]elete (it|the|its)|remove the", advice), file
