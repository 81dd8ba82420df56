"""The configuration: the source of each setting, and errors about bad ones."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from naq import config as module
from naq.config import Config, as_config, configure, get_config, without_secrets
from naq.exceptions import ConfigurationError


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_current", None)
    return


def test_the_default_is_a_server_on_this_machine() -> None:
    assert get_config().servers == ("nats://localhost:4222",)


def test_a_file_is_found_in_a_directory_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "naq.toml").write_text('servers = ["nats://a:1", "nats://b:2"]\nreplicas = 3\n')
    (tmp_path / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "down")
    assert get_config().servers == ("nats://a:1", "nats://b:2")
    assert get_config().replicas == 3


def test_the_table_of_a_project_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.naq]\nname = "shop"\n')
    assert get_config().name == "shop"


def test_naq_toml_wins_over_the_project_s_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.naq]\nname = "project"\n')
    (tmp_path / "naq.toml").write_text('name = "own"\n')
    assert get_config().name == "own"


def test_a_project_without_the_table_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")
    assert get_config() == Config()


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "naq.toml").write_text('name = "file"\nidle_time = 5\n')
    monkeypatch.setenv("NAQ_NAME", "environment")
    assert (get_config().name, get_config().idle_time) == ("environment", 5.0)


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAQ_NAME", "environment")
    monkeypatch.setenv("NAQ_REPLICAS", "3")
    assert configure(name="argument").name == "argument"
    assert get_config().name == "argument"
    assert get_config().replicas == 3


def test_a_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text('name = "other"\n')
    monkeypatch.setenv("NAQ_CONFIG", str(tmp_path / "other.toml"))
    assert get_config().name == "other"


def test_paths_in_a_file_are_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "naq.toml").write_text('tls_ca = "certificates/ca.pem"\n')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert get_config().tls_ca == tmp_path / "certificates" / "ca.pem"


def test_servers_in_the_environment_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAQ_SERVERS", "nats://a:1, tls://b:2")
    assert get_config().servers == ("nats://a:1", "tls://b:2")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("No", False)])
def test_a_switch_in_the_environment(
    text: str, value: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAQ_TLS_FIRST", text)
    assert get_config().tls_first is value


def test_a_bad_value_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAQ_CONNECT_TIMEOUT", "soon")
    with pytest.raises(ConfigurationError, match="NAQ_CONNECT_TIMEOUT: connect_timeout must be"):
        get_config()


def test_an_unknown_variable_is_named_with_the_near_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAQ_SERVER", "nats://a:1")
    with pytest.raises(ConfigurationError, match=r"no setting NAQ_SERVER; do you mean servers\?"):
        get_config()


def test_variables_of_the_command_line_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAQ_DASHBOARD_TOKEN", "s3cr3t")
    assert Config.load() == Config()


def test_the_variables_of_a_kubernetes_service_called_naq_are_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAQ_SERVICE_HOST", "10.0.0.7")
    monkeypatch.setenv("NAQ_SERVICE_PORT_HTTP", "8080")
    monkeypatch.setenv("NAQ_PORT", "tcp://10.0.0.7:8080")
    monkeypatch.setenv("NAQ_PORT_8080_TCP_ADDR", "10.0.0.7")
    assert Config.load() == Config()


def test_a_variable_with_the_prefix_must_name_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAQ_PORT", "4222")
    with pytest.raises(ConfigurationError, match="no setting NAQ_PORT"):
        get_config()


def test_a_bad_value_in_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "naq.toml").write_text("replicas = 0\n")
    with pytest.raises(ConfigurationError, match=r"naq\.toml: replicas must be 1 or more, not 0"):
        get_config()


def test_an_unknown_key_in_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "naq.toml").write_text("colour = 1\n")
    with pytest.raises(ConfigurationError, match=r"naq\.toml: there is no setting colour"):
        get_config()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "naq.toml").write_text("name = \n")
    with pytest.raises(ConfigurationError, match=r"naq\.toml: "):
        get_config()


def test_a_missing_named_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAQ_CONFIG", "nowhere.toml")
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: No such file"):
        get_config()


def test_an_unknown_argument_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="the argument: there is no setting colour"):
        configure(colour="red")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"connect_timeout": 0}, "connect_timeout must be above 0"),
        ({"connect_timeout": True}, "connect_timeout must be a number of seconds"),
        ({"replicas": 1.5}, "replicas must be a whole number"),
        ({"tls_first": "perhaps"}, "tls_first must be true or false"),
        ({"name": 7}, "name must be a string"),
        ({"prefix": 7}, "prefix must be a string"),
        ({"prefix": "my.shop"}, r"prefix must be up to 64 .* not 'my\.shop'"),
        ({"prefix": "_shop"}, "prefix must be .* begin with a letter or a digit, not '_shop'"),
        ({"prefix": "s" * 65}, "prefix must be up to 64"),
        ({"prefix": "shop\n"}, "prefix must be up to 64"),
        ({"prefix": "events"}, "prefix must not be 'events'"),
        ({"servers": ()}, "servers must name at least one server"),
        ({"servers": ("http://a:1",)}, "servers must be like nats://host:4222"),
        ({"servers": ("nats://a:99999",)}, "servers must be like nats://host:4222"),
        ({"user": "u"}, "user and password need each other"),
        ({"user": "u", "password": "p", "token": "t"}, "choose one of user and token"),
        ({"tls_key": "k.pem"}, "tls_key needs tls_cert"),
    ],
)
def test_a_bad_argument_is_an_error(values: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        Config(**values)  # type: ignore[arg-type]


def test_no_secret_is_shown() -> None:
    config = Config(servers=("nats://me:hidden1@a:1",), token="hidden2")
    assert "hidden" not in repr(config)
    config = Config(user="me", password="hidden3")
    assert "hidden" not in repr(config)


def test_no_error_contains_a_secret() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Config(servers=("http://me:hidden@a:1",))
    assert "hidden" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        Config(password=b"hidden")  # type: ignore[arg-type]
    assert "hidden" not in str(caught.value)


def test_what_stands_before_a_host_is_hidden() -> None:
    assert without_secrets("nats://me:p@ss@a:1") == "nats://***@a:1"
    assert without_secrets("token@a") == "***@a"
    assert without_secrets("nats://a:1") == "nats://a:1"


def test_it_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().name = "other"  # type: ignore[misc]


def test_equal_configurations_have_equal_hashes() -> None:
    assert hash(Config(idle_time=5)) == hash(Config(idle_time=5.0))
    assert Config(idle_time=5) == Config(idle_time=5.0)


def test_a_pickled_configuration_is_equal_and_hashes_alike() -> None:
    config = Config(token="t", servers=("a",))
    copied = pickle.loads(pickle.dumps(config))
    assert copied == config
    assert hash(copied) == hash(config)


def test_a_url_stands_for_the_current_configuration_at_that_server() -> None:
    configure(name="shop", token="t")
    assert as_config("nats://a:1") == Config(name="shop", token="t", servers=("nats://a:1",))


def test_the_credentials_in_a_url_replace_those_of_the_configuration() -> None:
    configure(token="t")
    assert as_config("nats://me:secret@a:1").token is None


def test_a_whole_configuration_and_single_settings_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        configure(Config(), name="shop")


def test_a_part_of_the_file_wins_over_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "naq.toml").write_text(
        'name = "shop"\nreplicas = 3\n[parts.mail]\nservers = "nats://mail:4222"\nreplicas = 1\n'
    )
    monkeypatch.setenv("NAQ_REPLICAS", "2")
    assert get_config("mail") == Config(servers=("nats://mail:4222",), name="shop", replicas=1)
    assert get_config() == Config(name="shop", replicas=2)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    (tmp_path / "naq.toml").write_text('[parts.mail]\nname = "mail"\n')
    with pytest.raises(ConfigurationError, match=r"naq\.toml: there is no part 'post'"):
        get_config("post")


def test_a_bad_value_in_a_part_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "naq.toml").write_text("[parts.mail]\nreplicas = 0\n")
    with pytest.raises(ConfigurationError, match=r"naq\.toml: replicas must be 1 or more"):
        get_config("mail")
