"""Downloads, against a local server that can do what real ones do: resume, hang up, change the file, lie."""

import hashlib
import io
import random
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from torchvision.datasets.voc import DATASET_YEAR_DICT

from counting_datasets.archives import Archive, has_coco_photos, has_voc_split
from counting_datasets.data_sets import DATA_SETS, DataSet
from counting_datasets.download import download, install
from counting_datasets.download.resumable import CHUNK
from counting_datasets.download.unpack import unpack
from counting_datasets.errors import DataError


class Answer(NamedTuple):
    name: str
    status: int
    sent: int


@dataclass
class Site:
    """What the server holds, how it misbehaves, and what it sent."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"one"'
    ranges: bool = True
    announce: int | None = None
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def sent(self, name: str) -> int:
        return sum(answer.sent for answer in self.answers if answer.name == name)


class Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site, name = self.site, self.path.lstrip("/")
        if site.statuses or name not in site.files:
            return self._refuse(name, site.statuses.pop(0) if site.statuses else 404)
        body, start = site.files[name], self._start()
        if start >= len(body) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            site.answers.append(Answer(name, 416, 0))
            return None
        status = 206 if start else 200
        self.send_response(status)
        self.send_header("ETag", site.etag)
        self.send_header("Content-Length", str(site.announce or len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        rest = body[start:][: site.cuts.pop(0) if site.cuts else None]
        site.answers.append(Answer(name, status, len(rest)))
        self.wfile.write(rest)
        return None

    def _start(self) -> int:
        wanted = self.headers.get("Range", "")
        assert bool(wanted) == bool(self.headers.get("If-Range"))
        if not (self.site.ranges and wanted and self.headers["If-Range"] == self.site.etag):
            return 0
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def _refuse(self, name: str, status: int) -> None:
        self.site.answers.append(Answer(name, status, 0))
        self.send_error(status)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


def _bytes(number: int) -> bytes:
    return random.Random(number).randbytes(number)


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, content in files.items():
            package.writestr(name, content)
    return buffer.getvalue()


def _voc(split: str, images: list[str]) -> dict[str, bytes]:
    home = "VOCdevkit/VOC2007"
    files = {f"{home}/ImageSets/Main/{split}.txt": "\n".join(images).encode()}
    for image in images:
        files[f"{home}/JPEGImages/{image}.jpg"] = _bytes(50_000 + int(image))
        files[f"{home}/Annotations/{image}.xml"] = _bytes(200)
    return files


def _small_voc(site: Site) -> DataSet:
    """VOC 2007 as published, in two tars that share their folders, but of five photos."""
    archives = []
    for split, images in (("trainval", ["000005", "000007", "000009"]), ("test", ["000001", "000002"])):
        body = site.files[f"{split}.tar"] = _tar(_voc(split, images))
        there, md5 = partial(has_voc_split, split=split), hashlib.md5(body).hexdigest()
        archives.append(Archive(f"{site.url}/{split}.tar", "", there, md5))
    return DataSet("voc2007", "voc", "VOCdevkit/VOC2007", archives=tuple(archives))


def _small_coco(site: Site) -> DataSet:
    """COCO's train2014.zip of three photos: no hash, only a length."""
    body = _zip({f"train2014/COCO_train2014_{i:012d}.jpg": _bytes(40_000 + i) for i in range(3)})
    site.files["train2014.zip"] = body
    there = partial(has_coco_photos, split="train2014", number=3)
    return DataSet(
        "coco2014", "coco", "coco", archives=(Archive(f"{site.url}/train2014.zip", "coco", there, size=len(body)),)
    )


def _install(data_set: DataSet, folder: Path) -> Path:
    return install(data_set, folder, progress=False, pause=0.01)


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_voc_lands_where_the_loaders_look_and_its_archives_go(site: Site, tmp_path: Path) -> None:
    home = _install(_small_voc(site), tmp_path)
    assert home == tmp_path / "VOCdevkit" / "VOC2007"
    expected = {**_voc("trainval", ["000005", "000007", "000009"]), **_voc("test", ["000001", "000002"])}
    assert _files(tmp_path) == sorted(expected)
    assert all((tmp_path / name).read_bytes() == content for name, content in expected.items())


def test_coco_lands_where_the_loaders_look_and_its_archive_goes(site: Site, tmp_path: Path) -> None:
    assert _install(_small_coco(site), tmp_path) == tmp_path / "coco"
    assert _files(tmp_path) == [f"coco/train2014/COCO_train2014_{i:012d}.jpg" for i in range(3)]


def test_a_finished_data_set_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    voc = _small_voc(site)
    _install(voc, tmp_path)
    site.answers.clear()
    _install(voc, tmp_path)
    assert site.answers == []


def test_only_the_archive_that_is_missing_is_fetched(site: Site, tmp_path: Path) -> None:
    voc = _small_voc(site)
    home = _install(voc, tmp_path)
    (home / "JPEGImages" / "000002.jpg").unlink()
    site.answers.clear()
    _install(voc, tmp_path)
    assert [answer.name for answer in site.answers] == ["test.tar"]
    assert (home / "JPEGImages" / "000002.jpg").is_file()


def test_a_broken_connection_is_resumed_in_the_same_run(site: Site, tmp_path: Path) -> None:
    voc = _small_voc(site)
    total = len(site.files["trainval.tar"])
    site.cuts = [CHUNK, 0, CHUNK]
    _install(voc, tmp_path)
    answers = [answer for answer in site.answers if answer.name == "trainval.tar"]
    assert [answer.status for answer in answers] == [200, 206, 206, 206]
    assert site.sent("trainval.tar") == total


def test_the_next_run_fetches_only_the_rest(site: Site, tmp_path: Path) -> None:
    voc = _small_voc(site)
    total = len(site.files["trainval.tar"])
    site.cuts = [90_000, 0, 0, 0]
    with pytest.raises(DataError, match=r"trainval\.tar: the connection broke .* run again to resume") as error:
        _install(voc, tmp_path)
    assert "\n" not in str(error.value)
    kept = next(tmp_path.rglob("*.part")).stat().st_size
    assert kept == CHUNK
    site.answers.clear()
    _install(voc, tmp_path)
    assert site.answers[0] == Answer("trainval.tar", 206, total - kept)


def test_a_file_that_changed_in_between_starts_anew(site: Site, tmp_path: Path) -> None:
    coco = _small_coco(site)
    total = len(site.files["train2014.zip"])
    site.cuts = [90_000, 0, 0, 0]
    with pytest.raises(DataError, match="run again to resume"):
        _install(coco, tmp_path)
    names = [f"train2014/COCO_train2014_{i:012d}.jpg" for i in range(3)]
    site.etag = '"two"'
    site.files["train2014.zip"] = _zip({name: bytes(40_000 + i) for i, name in enumerate(names)})
    site.answers.clear()
    home = _install(coco, tmp_path)
    assert site.answers == [Answer("train2014.zip", 200, total)]
    assert (home / names[0]).read_bytes() == bytes(40_000)


@pytest.mark.parametrize(("ranges", "etag"), [(False, '"one"'), (True, 'W/"weak"')])
def test_a_server_that_cannot_resume_starts_anew(site: Site, tmp_path: Path, ranges: bool, etag: str) -> None:
    coco = _small_coco(site)
    site.ranges, site.etag, site.cuts = ranges, etag, [90_000]
    _install(coco, tmp_path)
    total = len(site.files["train2014.zip"])
    assert site.answers == [Answer("train2014.zip", 200, 90_000), Answer("train2014.zip", 200, total)]


def test_a_part_that_is_already_whole_is_taken_as_it_is(site: Site, tmp_path: Path) -> None:
    coco = _small_coco(site)
    part = tmp_path / ".download-coco" / "train2014.zip.part"
    part.parent.mkdir()
    part.write_bytes(site.files["train2014.zip"])
    part.with_name("train2014.zip.part.version").write_text(site.etag)
    _install(coco, tmp_path)
    assert site.answers == [Answer("train2014.zip", 416, 0)]


def test_a_part_that_is_too_long_starts_anew(site: Site, tmp_path: Path) -> None:
    coco = _small_coco(site)
    part = tmp_path / ".download-coco" / "train2014.zip.part"
    part.parent.mkdir()
    part.write_bytes(site.files["train2014.zip"] + b"more")
    part.with_name("train2014.zip.part.version").write_text(site.etag)
    _install(coco, tmp_path)
    assert [answer.status for answer in site.answers] == [416, 200]


def test_a_busy_server_is_asked_again_and_a_lasting_refusal_is_said(site: Site, tmp_path: Path) -> None:
    coco = _small_coco(site)
    site.statuses = [503, 503]
    _install(coco, tmp_path / "patient")
    site.statuses = [503, 503, 503]
    with pytest.raises(DataError, match="the server answers 503"):
        _install(coco, tmp_path / "given up")
    site.files.clear()
    site.answers.clear()
    with pytest.raises(DataError, match="the server answers 404"):
        _install(coco, tmp_path / "gone")
    assert [answer.status for answer in site.answers] == [404]


def test_no_server_at_all(tmp_path: Path) -> None:
    coco = DataSet(
        "coco2014", "coco", "coco", archives=(Archive("http://127.0.0.1:9/a.zip", "coco", lambda home: False),)
    )
    with pytest.raises(DataError, match=r"no connection .* check the network"):
        _install(coco, tmp_path)


def test_a_file_with_another_hash_is_refused_and_not_kept(site: Site, tmp_path: Path) -> None:
    voc = _small_voc(site)
    whole = site.files["trainval.tar"]
    site.files["trainval.tar"] = whole[:1000] + b"X" + whole[1001:]
    with pytest.raises(DataError, match="not the published file"):
        _install(voc, tmp_path)
    assert _files(tmp_path) == []
    site.files["trainval.tar"] = whole
    _install(voc, tmp_path)


def test_a_file_of_another_length_is_refused_before_it_is_fetched(site: Site, tmp_path: Path) -> None:
    coco = _small_coco(site)
    site.files["train2014.zip"] = b"<html>please log in</html>"
    with pytest.raises(DataError, match="the server offers 26 bytes"):
        _install(coco, tmp_path)


def test_a_zip_with_a_wrong_crc_is_refused_and_fetched_anew(site: Site, tmp_path: Path) -> None:
    coco = _small_coco(site)
    whole = site.files["train2014.zip"]
    site.files["train2014.zip"] = whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:]
    with pytest.raises(DataError, match=r"damaged archive .*CRC"):
        _install(coco, tmp_path)
    assert _files(tmp_path) == []
    site.files["train2014.zip"] = whole
    _install(coco, tmp_path)


def test_a_download_larger_than_the_disk_is_refused(site: Site, tmp_path: Path) -> None:
    coco = _small_coco(site)
    site.announce = 10**18
    huge = DataSet(
        "coco2014", "coco", "coco", archives=(Archive(coco.archives[0].url, "coco", lambda home: False),)
    )
    with pytest.raises(DataError, match="not enough disk space to download"):
        _install(huge, tmp_path)


def test_an_archive_larger_than_the_disk_is_kept_packed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coco = _small_coco(site)
    space = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: space._replace(free=120_002))
    archive = tmp_path / ".download-coco" / "train2014.zip"
    archive.parent.mkdir()
    archive.write_bytes(site.files["train2014.zip"])
    with pytest.raises(DataError, match=r"not enough disk space to unpack train2014\.zip"):
        _install(coco, tmp_path)
    monkeypatch.undo()
    _install(coco, tmp_path)
    assert site.answers == []


def test_a_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write"):
        _install(_small_coco(site), tmp_path / "file" / "data")


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "C:\\evil", "a\\..\\..\\evil"])
@pytest.mark.parametrize("pack", [_tar, _zip])
def test_a_member_that_leaves_the_folder_is_refused(tmp_path: Path, pack, name: str) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(pack({"good": b"good", name: b"evil"}))
    with pytest.raises(DataError, match="refused"):
        unpack(archive, tmp_path / "deep" / "folder", show=False)
    assert _files(tmp_path) == ["archive"]


def test_links_are_refused(tmp_path: Path) -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        link = tarfile.TarInfo("link")
        link.type, link.linkname = kind, "/etc/passwd"
        with tarfile.open(tmp_path / "links.tar", "w") as tar:
            tar.addfile(link)
        with pytest.raises(DataError, match="refused"):
            unpack(tmp_path / "links.tar", tmp_path / "out", show=False)
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as package:
        package.writestr(entry, "/etc/passwd")
    with pytest.raises(DataError, match="refused"):
        unpack(tmp_path / "links.zip", tmp_path / "out", show=False)
    assert _files(tmp_path) == ["links.tar", "links.zip"]


def test_something_that_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>moved</html>")
    with pytest.raises(DataError, match="damaged archive"):
        unpack(tmp_path / "page.html", tmp_path / "out", show=False)


def test_an_unknown_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'voc2099' cannot be downloaded: did you mean 'voc2007'"):
        download("voc2099", tmp_path)


def test_voc_is_fetched_from_where_torchvision_fetches_it_with_the_same_hashes() -> None:
    theirs = {DATASET_YEAR_DICT[year]["url"]: DATASET_YEAR_DICT[year]["md5"] for year in ("2007", "2007-test")}
    assert {archive.url: archive.md5 for archive in DATA_SETS["voc2007"].archives} == theirs


def test_real_voc_splits_are_recognised(data_root: Path, tmp_path: Path) -> None:
    """Every image named in the real lists must be there; the copy at hand may lack a photo or two."""
    real = data_root / "VOCdevkit" / "VOC2007"
    for split, number in (("trainval", 5011), ("test", 4952)):
        images = (real / "ImageSets" / "Main" / f"{split}.txt").read_text().split()
        assert len(images) == number
        missing = [image for image in images if not (real / "JPEGImages" / f"{image}.jpg").is_file()]
        assert has_voc_split(real, split) == (not missing)
