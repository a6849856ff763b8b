"""One VOC annotation as any tool writes it: its objects are read rightly or refused, never counted short."""

import math
from pathlib import Path

import pytest

from counting_datasets.errors import DataError
from counting_datasets.voc_xml import read_annotation

BOX = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>"
SIZE = "<size><width>{}</width><height>9</height></size>"
BOX_READ = (1, 2, 20, 30)
APPLE = f"<object><name>apple</name>{BOX}</object>"
PEAR = f"<object><name>pear</name>{BOX}</object>"


def box(xmin: object, ymin: object, xmax: object, ymax: object) -> str:
    return f"<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>"


def saved(folder: Path, content: str | bytes) -> Path:
    path = folder / "p1.xml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def names(folder: Path, content: str | bytes) -> list[str]:
    return [thing.name for thing in read_annotation(saved(folder, content)).objects]


def boxes(folder: Path, inside: str) -> list[tuple[float, ...]]:
    return [thing.box for thing in read_annotation(saved(folder, f"<annotation>{inside}</annotation>")).objects]


def refusal(folder: Path, content: str | bytes) -> str:
    with pytest.raises(DataError) as error:
        read_annotation(saved(folder, content))
    line = str(error.value)
    assert "p1.xml" in line
    assert "\n" not in line
    return line


# Repeated elements


def test_an_object_with_several_boxes_is_as_many_objects(tmp_path: Path) -> None:
    inside = f"<object><name>car</name>{BOX}{box(30, 5, 40, 20)}{box(44, 5, 60, 20)}</object>"
    assert boxes(tmp_path, inside) == [BOX_READ, (29, 4, 40, 20), (43, 4, 60, 20)]


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        (f"<object><name>apple</name><name>pear</name>{BOX}</object>", "several name: 'apple', 'pear'"),
        (
            f"<object><name>a</name>{BOX}<difficult>0</difficult><difficult>1</difficult></object>",
            "several difficult",
        ),
        ("<object><name>a</name><bndbox><xmin>1</xmin><xmin>5</xmin></bndbox></object>", "several xmin"),
        (f"{SIZE.format(9)}{SIZE.format(8)}{APPLE}", "several sizes"),
        ("<object><name>a</name><polygon/><polygon/></object>", "2 polygons"),
        (f"<object><name>a</name>{BOX}<robndbox/><robndbox/></object>", "1 bndbox, but 2 rotated boxes"),
    ],
)  # fmt: skip
def test_what_is_said_twice_and_differently_is_refused(tmp_path: Path, inside: str, says: str) -> None:
    assert says in refusal(tmp_path, f"<annotation>{inside}</annotation>")


def test_the_same_said_twice_is_fine(tmp_path: Path) -> None:
    size = "<size><width>64</width><height>48</height></size>"
    inside = f"{size}{size}<object><name>apple</name><name> apple </name>{BOX}</object>"
    annotation = read_annotation(saved(tmp_path, f"<annotation>{inside}</annotation>"))
    assert annotation.size == (64, 48)
    assert [thing.name for thing in annotation.objects] == ["apple"]


# Where objects stand


@pytest.mark.parametrize(
    "content",
    [
        f"<annotation><objects>{APPLE}{PEAR}</objects></annotation>",
        f"<annotation><objects>{APPLE}</objects>{PEAR}</annotation>",
        f"<annotation><Object>{APPLE}{PEAR}</Object></annotation>",
        f"<annotation><labels><items>{APPLE}</items>{PEAR}</labels></annotation>",
        f"<annotations><annotation>{APPLE}{PEAR}</annotation></annotations>",
        f'<annotation xmlns="http://voc.example/1.0">{APPLE}{PEAR}</annotation>',
        f"<v:annotation xmlns:v='x'>{APPLE}{PEAR}</v:annotation>".replace("<object", "<v:object").replace(
            "</object", "</v:object"
        ),
        f"<ANNOTATION>{APPLE.upper()}{PEAR}</ANNOTATION>".replace("APPLE", "apple"),
        f"<Annotation>{APPLE}{PEAR}</Annotation>".replace("object", "Object").replace("bndbox", "BndBox"),
        f"\r\n\r\n<?xml version='1.0'?><annotation>{APPLE}{PEAR}</annotation>",
    ],
)
def test_objects_are_found_in_wrappers_namespaces_and_any_case(tmp_path: Path, content: str) -> None:
    assert sorted(names(tmp_path, content)) == ["apple", "pear"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f"<annotation>{BOX}</annotation>", "<bndbox> outside any <object>"),
        (f"<annotation>{APPLE}<item><name>pear</name>{BOX}</item></annotation>", "outside any <object>"),
        ("<annotation><thing><name>pear</name><xmin>3</xmin></thing></annotation>", "<xmin> outside"),
        ("<annotation><shape><polygon/></shape></annotation>", "<polygon> outside"),
        (
            f"<annotation><object><name>a</name>{BOX}{PEAR}</object></annotation>",
            "object 'a' contains another <object>",
        ),
        (f"<annotation><object><name>a</name><boxes>{BOX}</boxes></object></annotation>", "inside <boxes>"),
        (f"<annotations><annotation>{APPLE}</annotation><annotation/></annotations>", "has 2 annotations"),
        (f"<annotation><annotation>{APPLE}</annotation><annotation/></annotation>", "has 2 annotations"),
        ("<annotations><image><box label='a'/></image></annotations>", "outermost element is <annotations>"),
    ],
)
def test_a_shape_that_would_not_count_is_refused(tmp_path: Path, content: str, says: str) -> None:
    assert says in refusal(tmp_path, content)


def test_parts_and_attributes_are_no_objects(tmp_path: Path) -> None:
    rest = (
        f"<part><name>head</name>{BOX}</part><parts><part><name>hand</name>{BOX}</part></parts>"
        "<attributes><attribute><name>rotation</name><value>0.0</value></attribute></attributes>"
        "<point><x>3</x><y>4</y></point>"
    )
    inside = f"<object><name>person</name>{BOX}{rest}</object>"
    assert names(tmp_path, f"<annotation>{inside}</annotation>") == ["person"]


def test_deleted_objects_do_not_count(tmp_path: Path) -> None:
    inside = APPLE.replace("</object>", "<deleted>1</deleted></object>") + PEAR
    assert names(tmp_path, f"<annotation>{inside}</annotation>") == ["pear"]


# Shapes


def test_a_box_may_be_written_as_attributes(tmp_path: Path) -> None:
    inside = '<object name="car"><bndbox xmin="2" ymin="3" xmax="20" ymax="30"/></object>'
    assert boxes(tmp_path, inside) == [BOX_READ]
    assert names(tmp_path, f"<annotation>{inside}</annotation>") == ["car"]


@pytest.mark.parametrize(
    "polygon",
    [
        "<x1>3</x1><y1>4</y1><x2>9</x2><y2>4</y2><x3>9</x3><y3>8</y3>",
        "<username>me</username><pt><x>3</x><y>4</y></pt><pt><x>9</x><y>4</y></pt><pt><x>9</x><y>8</y></pt>",
        "<point>3,4</point><point>9,4</point><point>9, 8</point>",
        "<points>3,4;9,4;9,8</points>",
        '<pt x="3" y="4"/><pt x="9" y="4"/><pt x="9" y="8"/>',
    ],
)
def test_a_polygon_has_the_box_around_it(tmp_path: Path, polygon: str) -> None:
    assert boxes(tmp_path, f"<object><name>a</name><polygon>{polygon}</polygon></object>") == [(2, 3, 9, 8)]


def test_a_polygon_beside_a_box_is_the_same_object(tmp_path: Path) -> None:
    polygons = "<polygon><x1>3</x1></polygon><polygon/>"
    assert boxes(tmp_path, f"<object><name>a</name>{BOX}{polygons}</object>") == [BOX_READ]


@pytest.mark.parametrize("angle", [math.pi / 2, -math.pi / 2, 90])
def test_a_rotated_box_has_the_upright_box_around_it(tmp_path: Path, angle: float) -> None:
    """40 wide and 20 high around (50, 30), on its side: 20 wide and 40 high."""
    turned = f"<robndbox><cx>50</cx><cy>30</cy><w>40</w><h>20</h><angle>{angle}</angle></robndbox>"
    [found] = boxes(tmp_path, f"<object><type>robndbox</type><name>ship</name>{turned}</object>")
    assert found == pytest.approx((40, 10, 60, 50))


def test_a_box_turned_by_an_eighth_is_wider(tmp_path: Path) -> None:
    turned = f"<robndbox><cx>50</cx><cy>50</cy><w>20</w><h>20</h><angle>{math.pi / 4}</angle></robndbox>"
    [found] = boxes(tmp_path, f"<object><name>ship</name>{turned}</object>")
    half = 10 * math.sqrt(2)
    assert found == pytest.approx((50 - half, 50 - half, 50 + half, 50 + half))


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ("", "bndbox is missing"),
        ("<bndbox/>", "bndbox is missing"),
        ("<polygon><x1>3</x1><y1>4</y1></polygon>", "three corners"),
        ("<polygon><x1>3</x1><y1>4</y1><x2>9</x2><y2>z</y2><x3>9</x3><y3>8</y3></polygon>", "three corners"),
        ("<robndbox><cx>50</cx></robndbox>", "robndbox is missing"),
    ],
)
def test_an_object_without_a_whole_shape_is_refused(tmp_path: Path, shape: str, says: str) -> None:
    assert says in refusal(tmp_path, f"<annotation><object><name>a</name>{shape}</object></annotation>")


# Numbers, flags and sizes


@pytest.mark.parametrize(("text", "flag"), [("1", True), ("true", True), ("Yes", True), ("0", False), ("", False)])
def test_flags_in_the_words_of_tools(tmp_path: Path, text: str, flag: bool) -> None:
    inside = APPLE.replace("</object>", f"<difficult>{text}</difficult></object>")
    [found] = read_annotation(saved(tmp_path, f"<annotation>{inside}</annotation>")).objects
    assert found.difficult is flag


@pytest.mark.parametrize(
    ("width", "size"),
    [("64", (64, 48)), ("64.0", (64, 48)), ("0", None), ("64.5", None), ("", None), ("wide", None), ("inf", None)],
)
def test_a_size_is_whole_pixels_or_none(tmp_path: Path, width: str, size: tuple[int, int] | None) -> None:
    text = f"<annotation><size><width>{width}</width><height>48.0</height></size></annotation>"
    assert read_annotation(saved(tmp_path, text)).size == size


# Text


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("gb2312", "gb2312"), ("GBK", "gbk"), ("gb2312", "gb18030"), ("Big5", "big5"), ("Shift_JIS", "cp932"),
        ("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16", "utf-8"),
        ("utf-16", "utf-16-le"), ("utf-16", "utf-16-be"), ("utf-32", "utf-32"),
    ],
)  # fmt: skip
def test_every_declared_encoding_is_read(tmp_path: Path, declared: str, codec: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?><annotation>{APPLE}</annotation>'.replace("apple", "中")
    assert names(tmp_path, text.encode(codec)) == ["中"]


def test_an_encoding_that_is_not_declared_is_named_as_the_fault(tmp_path: Path) -> None:
    assert "declare its encoding" in refusal(
        tmp_path, f"<annotation>{APPLE}</annotation>".replace("apple", "中").encode("gbk")
    )


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_a_doctype_is_refused_in_any_encoding(tmp_path: Path, codec: str) -> None:
    text = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'
    assert "DOCTYPE" in refusal(tmp_path, text.encode(codec))


def test_names_are_composed_and_without_surplus_space(tmp_path: Path) -> None:
    text = f"<annotation>{APPLE}{PEAR}</annotation>".replace("apple", "\n cafe\u0301 ").replace(
        "pear", "stop \t sign"
    )
    assert names(tmp_path, text) == ["caf\u00e9", "stop sign"]
