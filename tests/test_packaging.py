"""What is built and installed: nothing missing, and nothing in the way of Hugging Face's `datasets`."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from counting.networks.config import config_names

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 10**6


def run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    """What a command that must succeed prints, with `path` as PYTHONPATH."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(target: str, source: Path, folder: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder, cwd=source)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet"]
    run(*pip, "--target", folder, wheel, cwd=folder)
    return folder


def wheel_files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def hugging_face_files() -> set[str]:
    files = importlib.metadata.files("datasets")
    assert files is not None
    return {str(file) for file in files}


def test_the_checkouts_datasets_folder_hides_nobodys_package(tmp_path: Path) -> None:
    assert (ROOT / "datasets").is_dir()
    assert not (ROOT / "datasets" / "__init__.py").exists()
    find = (
        "from importlib.util import find_spec\n"
        "print(find_spec('datasets').origin, find_spec('counting_datasets').origin)"
    )
    script = tmp_path / "script.py"
    script.write_text(find)
    theirs = importlib.metadata.distribution("datasets").locate_file("datasets/__init__.py")
    ours = ROOT / "datasets" / "counting_datasets" / "__init__.py"
    for cwd in (ROOT, ROOT / "datasets", tmp_path):
        for path in (None, ROOT):
            for command in (["-c", find], [script]):
                assert run(sys.executable, *command, cwd=cwd, path=path).split() == [str(theirs), str(ours)]


def test_hugging_faces_datasets_works_at_the_root_beside_ours() -> None:
    both = "import counting_datasets, datasets; print(datasets.Dataset.from_dict({'count': [2, 3]})['count'][1])"
    assert run(sys.executable, "-c", both, cwd=ROOT).strip() == "3"


def test_an_editable_install_reads_the_checkouts_configurations(tmp_path: Path) -> None:
    ask = "from counting.networks.config import config_folder; print(config_folder())"
    assert Path(run(sys.executable, "-I", "-c", ask, cwd=tmp_path).strip()) == ROOT / "configs"


def test_the_wheel_holds_code_configurations_and_licence(wheel: Path) -> None:
    files = wheel_files(wheel)
    information = next(name for name in files if name.endswith("/METADATA")).split("/")[0]
    assert {name.split("/")[0] for name in files} == {"counting", "counting_datasets", information}
    assert {"counting/py.typed", "counting_datasets/py.typed", f"{information}/licenses/LICENSE"} <= files
    source = [*ROOT.glob("counting/**/*.py"), *ROOT.glob("datasets/counting_datasets/**/*.py")]
    assert {str(file.relative_to(ROOT)).removeprefix("datasets/") for file in source} == {
        name for name in files if name.endswith(".py")
    }
    configurations = {
        f"counting/configs/{file.relative_to(ROOT / 'configs')}" for file in ROOT.glob("configs/**/*.yaml")
    }
    assert configurations
    assert configurations <= files


def test_the_zoo_fits_into_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        weights = {
            entry.filename: entry.file_size
            for entry in archive.infolist()
            if entry.filename.endswith(".safetensors")
        }
    assert set(weights) == {
        str(file.relative_to(ROOT)) for file in ROOT.glob("counting/networks/zoo/**/*.safetensors")
    }
    assert all(size <= 25 * MEGABYTE for size in weights.values()), weights


def test_the_wheel_overwrites_nothing_of_hugging_faces(wheel: Path) -> None:
    theirs = hugging_face_files()
    assert "datasets/__init__.py" in theirs
    assert not theirs & wheel_files(wheel)


def test_the_installed_wheel_runs_from_anywhere(installed: Path, tmp_path: Path) -> None:
    assert "usage: counting" in run(installed / "bin" / "counting", "--help", cwd=tmp_path, path=installed)
    ask = (
        "import counting, counting_datasets\n"
        "from counting.networks.config import config_names\n"
        "print(counting.__file__, counting_datasets.__file__, *config_names())"
    )
    ours, data, *names = run(sys.executable, "-c", ask, cwd=tmp_path, path=installed).split()
    assert Path(ours) == installed / "counting" / "__init__.py"
    assert Path(data) == installed / "counting_datasets" / "__init__.py"
    assert names
    assert tuple(names) == config_names()


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    packed = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / packed.name.removesuffix(".tar.gz")
    for name in (
        "tests/conftest.py",
        "configs",
        "Makefile",
        "requirements.lock",
        "LICENSE",
        "README.md",
        "train.py",
    ):
        assert (source / name).exists(), name
    rebuilt = build("wheel", source, tmp_path / "wheel")
    assert wheel_files(rebuilt) == wheel_files(wheel)


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_scripts_at_the_root_are_the_commands(command: str, tmp_path: Path) -> None:
    assert f"usage: counting {command}" in run(sys.executable, ROOT / f"{command}.py", "--help", cwd=tmp_path)


def test_the_lock_names_versions_and_no_addresses() -> None:
    pin = re.compile(r"[a-z0-9._-]+==[0-9][0-9a-z.+]*( ; .+)?")
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        assert pin.fullmatch(line) or line.startswith("#"), line
        assert "://" not in line


def test_no_committed_file_names_a_registrys_host() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    hosts = re.compile(rb"files\.python" rb"hosted|\bpypi" rb"\.org")
    for name in run("git", "ls-files", "-z", cwd=ROOT).split("\0"):
        file = ROOT / name
        if name and file.is_file():
            assert not hosts.search(file.read_bytes()), name
