"""The Dockerfile without Docker: what it promises, and its commands run in this or a plain environment."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from counting.cli import parse

ROOT = Path(__file__).parents[1]
VENV = "/opt/counting"


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile and their arguments, lines joined and comments left out."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines) if name]


def all_of(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def command() -> list[str]:
    """What a container runs."""
    (entry,), (arguments,) = all_of("ENTRYPOINT"), all_of("CMD")
    return [*json.loads(entry), *json.loads(arguments)]


def environment() -> dict[str, str]:
    """The variables of the image that runs."""
    names = [name for name, _ in instructions()]
    last = len(names) - 1 - names[::-1].index("FROM")
    pairs = [pair for name, rest in instructions()[last:] if name == "ENV" for pair in rest.split()]
    return dict(pair.partition("=")[::2] for pair in pairs)


def test_the_image_runs_without_rights_and_from_local_files_alone() -> None:
    assert all_of("USER") == ["10001:10001"]
    assert not all_of("ADD")
    for source in all_of("COPY"):
        assert "--from=build" in source or all((ROOT / place).exists() for place in source.split()[:-1])


def test_the_context_holds_what_is_copied_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = {place for source in all_of("COPY") if "--from" not in source for place in source.split()[:-1]}
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


def test_the_command_and_the_ports_agree() -> None:
    parsed = parse(command()[1:])
    assert all_of("EXPOSE") == [str(parsed.port)]
    assert f":{parsed.port}/healthz" in all_of("HEALTHCHECK")[0]
    service = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["counting"]
    assert service["ports"] == [f"127.0.0.1:{parsed.port}:{parsed.port}"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The container's command at a free port, where only its own folder /tmp can be written to."""
    pytest.importorskip("fastapi", reason="needs the packages of the extra `web`")
    variables = {**os.environ, **environment(), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    variables |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'datasets'}"}
    run = [sys.executable, "-m", "counting.cli", *command()[1:], "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(run, cwd="/", env=variables, text=True, **pipes)  # type: ignore[call-overload]
    yield process, variables
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)


def test_the_health_check_passes_while_the_server_runs(
    server: tuple[subprocess.Popen[str], dict[str, str]], tmp_path: Path
) -> None:
    process, variables = server
    assert process.stdout
    port = process.stdout.readline().split()[3].rpartition(":")[2]
    check = json.loads(all_of("HEALTHCHECK")[0].partition("CMD ")[2])

    def health(port: str) -> int:
        run = [sys.executable, *(part.replace(":8765/", f":{port}/") for part in check[1:])]
        return subprocess.run(run, env=variables, stderr=subprocess.DEVNULL, check=False).returncode

    assert health(port) == 0
    assert health("9") != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_build_commands_make_an_environment_that_counts(tmp_path: Path) -> None:
    """Takes the 3 GB of torch with CUDA from PyPI, the only index that every machine reaches."""
    context, venv = tmp_path / "src", tmp_path / "venv"
    context.mkdir()
    for source in all_of("COPY"):
        for place in source.split()[:-1]:
            if "--from" not in source:
                copy = shutil.copytree if (ROOT / place).is_dir() else shutil.copy
                copy(ROOT / place, context / place)
    variables = {**os.environ, "DEVICE": "cuda", "PATH": f"{venv / 'bin'}:{os.environ['PATH']}"}
    variables.pop("PYTHONPATH", None)
    for line in all_of("RUN"):
        subprocess.run(["sh", "-ec", line.replace(VENV, str(venv))], cwd=context, env=variables, check=True)
    photo = ROOT / "docs" / "photos" / "cat.jpg"
    counted = subprocess.run(
        ["counting", "predict", photo, "--json"],
        cwd="/",
        env=variables,
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(counted.stdout)
