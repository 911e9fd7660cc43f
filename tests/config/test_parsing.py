"""Values of options, from every source that may give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.config.kinds import parse
from scorefly.config.load import load_settings
from scorefly.config.options import BY_NAME, OPTIONS
from scorefly.config.settings import Images
from scorefly.problems import InputError, option_place


def value(name: str, given_value: Any) -> Any:
    return parse(BY_NAME[name], given_value, option_place(name))


@pytest.mark.parametrize(
    ("name", "given_value", "result"),
    [
        ("region", " ams ", "ams"),
        ("force", "TRUE", True),
        ("force", " true\n", True),
        ("force", False, False),
        ("max-parallel", " 8\n", 8),
        ("max-parallel", "8", 8),
        ("max-parallel", 8, 8),
        ("wait-timeout", "90", 90.0),
        ("wait-timeout", "1h30m", 5400.0),
        ("preview-ttl", "14d", 1209600.0),
        ("keep-secrets", "A*\n\n B ", ("A*", "B")),
        ("keep-secrets", ["A", "B\nC"], ("A", "B", "C")),
        ("cleanup", "secrets,previews\nvolumes", ("secrets", "previews", "volumes")),
        ("build-args", "A=1\nB=x=y", {"A": "1", "B": "x=y"}),
        ("build-args", {"A": 1}, {"A": "1"}),
        ("variables", '{"A": "b"}', {"A": "b"}),
        ("variables", {"A": "b"}, {"A": "b"}),
        ("images", "one:1", Images("one:1", {})),
        ("images", "one:1\nweb=two:2", Images("one:1", {"web": "two:2"})),
        ("images", {"web": "two:2"}, Images("", {"web": "two:2"})),
    ],
)
def test_what_can_be_said(name: str, given_value: Any, result: Any) -> None:
    assert value(name, given_value) == result


@pytest.mark.parametrize(
    ("name", "given_value"),
    [
        ("region", ["ams"]), ("region", None), ("force", "yes"), ("force", 1), ("max-parallel", "0"), ("max-parallel", True),
        ("max-parallel", "٣"), ("wait-timeout", ""), ("wait-timeout", "-5"), ("wait-timeout", "0s"), ("wait-timeout", "5m later"),
        ("keep-secrets", [{}]), ("cleanup", "secrets,everything"), ("build-args", "A"), ("build-args", "1A=x"),
        ("variables", "[]"), ("variables", '{"A": 1}'), ("variables", "["), ("images", "a\nb"), ("images", "web="), ("images", "=x"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_a_problem_at_its_option(name: str, given_value: Any) -> None:
    with pytest.raises(InputError) as caught:
        value(name, given_value)
    assert str(caught.value.problems[0].place) == f"--{name}"


anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.lists(st.text(), max_size=2)
    | st.dictionaries(st.text(), st.text(), max_size=2)
)


@given(st.sampled_from(OPTIONS), anything)
def test_any_value_of_any_option_is_taken_or_refused(option: Any, given_value: Any) -> None:
    try:
        parse(option, given_value, option_place(option.name))
    except InputError as error:
        assert error.problems[0].message.startswith(option.name)


@given(
    st.sampled_from([option for option in OPTIONS if option.private and option.kind not in ("text", "lines")]),
    st.text(min_size=8, alphabet="!§%&"),
)
def test_the_value_of_a_private_option_is_never_quoted(option: Any, secret: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(option, secret, option_place(option.name))
    assert secret not in str(caught.value)


def test_every_source_is_asked_in_order(tmp_path: Path) -> None:
    (tmp_path / "scorefly.yaml").write_text("org: from-file\nregion: fra\nkeep-secrets: [A]\n")
    environ = {"FLY_ORG": "from-environment", "SCOREFLY_VAR_NAME": "one", "SCOREFLY_VARIABLES": '{"OTHER": "two"}'}
    settings = load_settings("deploy", {"app-prefix": "given-"}, environ, tmp_path, in_action=True)
    assert (settings.app_prefix, settings.org, settings.region, settings.keep_secrets) == (
        "given-",
        "from-environment",
        "fra",
        ("A",),
    )
    assert settings.variables == {"NAME": "one", "OTHER": "two"}
    assert (settings.environment, settings.state) == ("production", "git")


def test_the_command_line_has_defaults_of_its_own(tmp_path: Path) -> None:
    settings = load_settings("deploy", {}, {}, tmp_path, in_action=False)
    assert (settings.environment, settings.state) == ("local", "file")


def test_all_that_is_wrong_comes_at_once(tmp_path: Path) -> None:
    (tmp_path / "scorefly.yaml").write_text("regoin: x\nsecrets: {}\n")
    with pytest.raises(InputError) as caught:
        load_settings("deploy", {"force": "perhaps", "org": "No"}, {"FLY_REGION": "nowhere"}, tmp_path, in_action=False)
    places = {str(problem.place) for problem in caught.value.problems}
    assert places == {"scorefly.yaml:1:1", "scorefly.yaml:2:1", "--force", "--org", "$FLY_REGION"}


@pytest.mark.parametrize(
    "option",
    ["org", "secrets", "variables", "wait-timeout", "max-parallel", "strategy", "force", "ha", "state", "state-key"],
)
@pytest.mark.parametrize("blank", ["", " \n"], ids=["empty", "spaces"])
def test_empty_value_of_a_variable_that_is_not_set_counts_as_not_given(tmp_path: Path, option: str, blank: str) -> None:
    (tmp_path / "score.yaml").write_text("")
    without = load_settings("deploy", {}, {}, tmp_path, in_action=False)
    settings = load_settings("deploy", {option: blank}, {}, tmp_path, in_action=False)
    field = BY_NAME[option].field
    assert getattr(settings, field) == getattr(without, field)
    assert settings.org_given is False


def test_empty_suffix_takes_back_the_one_of_the_project_file(tmp_path: Path) -> None:
    (tmp_path / "scorefly.yaml").write_text("app-suffix: -x\norg: acme\n")
    settings = load_settings("deploy", {"app-suffix": "", "org": ""}, {}, tmp_path, in_action=False)
    assert (settings.app_suffix, settings.org) == ("", "acme")
