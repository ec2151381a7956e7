"""The containers, as far as they can be checked without an engine: what is named exists, and the configuration loads."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridpact.service.broker import mosquitto_files
from gridpact.service.broker.mosquitto import Certificates
from gridpact.service.config import External, load_config

GIVEN = ("certificates", "secrets")
"""Beside the compose file, by whoever runs it."""


@pytest.fixture
def deploy(root: Path) -> Path:
    return root / "deploy"


@pytest.fixture
def compose(deploy: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((deploy / "compose.yaml").read_text("utf-8"))
    return found


def test_what_the_compose_file_names_exists(compose: dict[str, Any], deploy: Path) -> None:
    assert set(compose["services"]) == {"exchange", "broker", "database"}
    for service in compose["services"].values():
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if not source.startswith("./"):
                assert source in compose["volumes"]
            elif source.removeprefix("./") not in GIVEN:
                assert (deploy / source).is_file()
    build = compose["services"]["exchange"]["build"]
    assert (deploy / build["context"] / build["dockerfile"]).is_file()


def test_what_the_dockerfile_copies_exists_and_its_command_is_ours(root: Path) -> None:
    text = (root / "Dockerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (root / source).exists(), source
    assert 'ENTRYPOINT ["gridpact"]' in text
    assert 'CMD ["serve", "/etc/gridpact/service.toml"]' in text


def test_the_configuration_in_the_containers_loads(compose: dict[str, Any], deploy: Path, tmp_path: Path) -> None:
    mounted = "/etc/gridpact"
    for name in ("certificates/ca.pem", "certificates/web.pem", "certificates/web.key", "secrets/database"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("given")
    text = (deploy / "service.toml").read_text("utf-8")
    path = tmp_path / "service.toml"
    path.write_text(text.replace(mounted, str(tmp_path)))
    found = load_config(path)
    assert isinstance(found.broker, External)
    assert found.broker.url == "mqtts://broker:8883"
    assert found.mosquitto is not None
    assert found.store == "postgresql://gridpact:given@database/gridpact?ssl=disable"
    volumes = [volume.split(":")[1] for volume in compose["services"]["exchange"]["volumes"]]
    for used in (str(found.folder), str(found.mosquitto.folder)):
        assert used in volumes
    ports = compose["services"]["exchange"]["ports"]
    assert f"{found.area().port}:{found.area().port}" in ports


def test_its_mosquitto_is_set_as_ours_is(deploy: Path) -> None:
    certificates = Certificates(
        *(Path("/mosquitto/certificates") / name for name in ("broker.pem", "broker.key", "ca"))
    )
    ours = mosquitto_files("", [], Path("/srv/broker"), 8883, certificates)["mosquitto.conf"].splitlines()
    theirs = (deploy / "mosquitto.conf").read_text("utf-8").splitlines()
    assert set(ours) - set(theirs) == {
        "cafile /mosquitto/certificates/ca"
    }  # members show a password, not a certificate
    assert set(theirs) - set(ours) == {"log_dest stdout"}


def test_the_script_that_follows_the_lists_can_be_read(deploy: Path) -> None:
    subprocess.run(["sh", "-n", deploy / "follow.sh"], check=True)
