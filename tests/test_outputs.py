"""What commands print reaches any terminal; a full disk, a closed pipe and odd names end in a line at most."""

import io
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import write_voc

from counting.cli import main
from counting.commands import models
from counting.networks import feature_cache
from counting_datasets.errors import CountingError

COMMANDS = ("predict", "ask", "questions", "explain", "train", "evaluate", "improve", "fuse", "models", "download")
LONG = "a" * 300
CAT = str(Path(__file__).parents[1] / "docs" / "photos" / "cat.jpg")


class Terminal(io.TextIOWrapper):
    """Standard output in some encoding; like Python's own, it raises an error for what the encoding lacks."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict")

    @property
    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Terminal]:
    def install(encoding: str) -> Terminal:
        out = Terminal(encoding)
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", Terminal(encoding))
        return out

    return install


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "cp932", "ascii", "latin-1", "utf-8"])
def test_help_and_tables_show_in_any_encoding(terminal: Callable[[str], Terminal], encoding: str) -> None:
    for command in ((), *((name,) for name in COMMANDS)):
        out = terminal(encoding)
        assert main([*command, "--help"]) == 0
        assert "example" in out.text
    out = terminal(encoding)
    assert main(["models"]) == 0
    assert "voc2007-glance" in out.text


def test_what_an_encoding_lacks_is_replaced(terminal: Callable[[str], Terminal], tmp_path: Path) -> None:
    out = terminal("ascii")
    assert main(["models"]) == 0
    print("2–11 people, λ ≥ .5, 東, \udc80")
    assert out.text.splitlines()[-1] == "2-11 people, lambda >= .5, ?, ?"


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_counts_answers_and_questions_show_in_any_encoding(
    terminal: Callable[[str], Terminal], encoding: str
) -> None:
    for request, shown in (
        (["predict", CAT], "1 cat"),
        (["ask", CAT, "how many cats are there?"], "1 cat"),
        (["questions", CAT], "How many cats are there?"),
    ):
        out = terminal(encoding)
        assert main(request) == 0
        assert shown in out.text


def test_an_error_shows_in_any_encoding(terminal: Callable[[str], Terminal]) -> None:
    terminal("ascii")
    assert main(["evaluate", "zähler–東"]) == 2
    error = sys.stderr
    assert isinstance(error, Terminal)
    assert "unknown counter 'z?hler-?'" in error.text


@pytest.mark.parametrize("request_", [["models"], ["models", "--json"], ["--help"], ["predict", "--help"]])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_an_error_of_one_line(
    request_: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as disk:
        monkeypatch.setattr(sys, "stdout", disk)
        assert main(request_) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "cannot write to standard output: No space left on device" in line


@pytest.mark.parametrize("request_", [["models"], ["models", "--json"], ["--help"], ["evaluate", "--help"]])
def test_a_closed_pipe_ends_a_command_quietly(
    request_: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(request_) == 0
    assert capfd.readouterr().err == ""


def test_models_into_head_exits_with_0() -> None:
    command = f"set -o pipefail; {sys.executable} -m counting.cli models | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


def test_a_command_that_is_told_to_terminate_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counting.commands.models.run", lambda _: sys.exit(15))  # as Ray does on SIGTERM
    with pytest.raises(SystemExit) as ended:
        main(["models"])
    assert ended.value.code == 15


def test_the_broken_pipe_of_a_socket_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        ours, theirs = socket.socketpair()
        theirs.close()
        with ours:
            ours.sendall(b"x" * 100)
        return 0

    monkeypatch.setattr(models, "run", run)
    assert main(["models"]) == 2
    assert capsys.readouterr().err == "counting models: Broken pipe\n"


@pytest.mark.parametrize(
    "request_",
    [
        ["predict", f"{LONG}.jpg"],
        ["predict", "photo.jpg", "--counter", LONG],
        ["predict", "photo.jpg", "--counter", f"{LONG}.safetensors"],
        ["predict", "photo.jpg", "--out", f"{LONG}.csv"],
        ["predict", "photo.jpg", "--draw", LONG],
        ["ask", LONG, "how many dogs?"],
        ["questions", LONG],
        ["explain", LONG, "--category", "dog"],
        ["train", LONG],
        ["train", "demo", "--name", LONG],
        ["evaluate", LONG],
        ["evaluate", f"always-0+{LONG}.csv"],
        ["evaluate", "always-0", "--against", LONG],
        ["evaluate", "always-0", "--root", LONG],
        ["evaluate", "always-0", "--root", f"/tmp/{'é' * 128}/x"],
        ["evaluate", "always-0", "--split", LONG],
        ["evaluate", "always-0", "--truth", f"{LONG}.csv"],
        ["evaluate", "always-0", "--data", LONG],
        ["evaluate", "always-0", "--report", LONG],
        ["evaluate", "--questions", f"{LONG}.json", "--counts", "x.csv"],
        ["evaluate", "--questions", "q.json", "--counts", f"{LONG}.csv"],
        ["improve", LONG, "--counts", "c.csv", "--out", "o.json"],
        ["fuse", LONG, "--questions", "q", "--counts", "c", "--out", "o.json"],
        ["download", "voc2007", "--root", LONG],
        ["predict", "/".join(["ab"] * 2000)],
    ],
)
def test_a_name_too_long_for_a_file_system_is_refused_in_a_line(
    request_: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(request_) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < 400


@pytest.mark.parametrize(
    "request_",
    [
        ["predict", ""],
        ["predict", "photo.jpg", "--out", ""],
        ["ask", "", "how many dogs?"],
        ["evaluate", ""],
        ["evaluate", "always-0", "--root", ""],
        ["predict", "a\0b"],
        ["evaluate", "always-0", "--bootstrap", "0"],
        ["evaluate", "always-0", "--bootstrap", "9" * 30],
        ["evaluate", "always-0", "--bootstrap", "9" * 5000],
        ["evaluate", "always-0", "--bootstrap", "many"],
        ["questions", "photo.jpg", "--seed", str(2**64)],
        ["questions", "photo.jpg", "--seed", "-1"],
        ["questions", "photo.jpg", "--strength", "1e300"],
        ["questions", "photo.jpg", "--strength", "nan"],
        ["questions", "photo.jpg", "--beams", str(10**9)],
    ],
)
def test_arguments_out_of_range_are_refused_in_a_line(
    request_: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(request_) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < 300


def test_no_home_folder_is_needed_where_the_cache_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("COUNTING_CACHE", raising=False)
    with pytest.raises(CountingError, match="set COUNTING_CACHE"):
        feature_cache.cache_folder()
    write_voc(tmp_path / "voc", 2, 2)
    request = ["--data", "voc", "--root", str(tmp_path / "voc"), "--split", "val", "--categories", "blue,red"]
    assert main(["evaluate", "voc2007-aso-sub", *request]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "set COUNTING_CACHE" in line
    monkeypatch.setenv("COUNTING_CACHE", "/somewhere")
    assert feature_cache.cache_folder() == Path("/somewhere")


def test_an_unknown_home_folder_in_a_path_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "always-0", "--root", "~nobody-of-this-name/data"]) == 2
    assert "could not determine home directory" in capsys.readouterr().err
    assert main(["predict", "~nobody-of-this-name/photo.jpg"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
