"""CSV as spreadsheets write it: what is read, and what could be two numbers or none."""

from pathlib import Path

import pytest

from counting.tables.table_files import read_table
from counting_datasets.errors import DataError

PLAIN = "image,cat,dog\na,2,0.5\nb,0,1\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-16-le"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace(",", "\t").replace(".", ",").encode("utf-16"),
        "sep=;\r\n" + PLAIN.replace(",", ";"),
        *(PLAIN.replace("image", name) for name in ("Image", "file_name", "filename", "File Name", "ID")),
        '"image","cat","dog"\n"a","2","0.5"\n"b","0","1"\n',
        "image, cat, dog\n a , 2, .5\nb,0 ,1\n",
        "image,cat,dog,,\na,2,0.5,,\nb,0,1,,\n,,,,\n,,,,\n",
        "image,cat,dog,,\na,2,0.5\nb,0,1\n",
        "image,cat,dog\na,2,0.5,,\nb,0,1,,\n",
        "image,cat,,dog\na,2,,0.5\nb,0,,1\n",
        "\n".join(["image,cat,dog", "", "a,2,5e-1", "", "b,0.0,1."]),
        ",image,cat,dog\n0,a,2,0.5\n1,b,0,1\n",
        "Unnamed: 0,image,cat,dog\n0,a,2,0.5\n1,b,0,1\n",
    ],
)  # fmt: skip
def test_counts_are_read_as_spreadsheets_write_them(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / "counts.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    read = read_table(tmp_path / "counts.csv")
    assert (read.images, read.categories) == (("a", "b"), ("cat", "dog"))
    assert read.counts.tolist() == [[2, 0.5], [0, 1]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('image,cat\na,"2,5"\n', "line 2: the count of 'cat' is '2,5', not a number"),
        ("image;cat\na;1.234,5\n", "line 2: the count of 'cat' is '1.234,5'"),
        ("image,cat\na,1_000\n", "the count of 'cat' is '1_000'"),
        ("image,cat\na,True\n", "the count of 'cat' is 'True'"),
        ("image,cat\na,1e400\n", "the count of 'cat' is '1e400'"),
        ("image,cat\na,٣\n", "the count of 'cat' is '٣'"),
        ("image,cat,dog\na,1,\n", "line 2: the count of 'dog' is ''"),
        ("image,cat,\na,1,7\n", "line 2: column 3 contains '7', but has no header"),
        ("sep=;\nimage;cat\na;x\n", "line 3: the count of 'cat' is 'x'"),
        ("cat,dog\n1,2\n", "line 1: no header; it must be image,CATEGORY"),
    ],
)
def test_what_could_be_two_numbers_or_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "counts.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "counts.csv")
    assert message in str(caught.value)
