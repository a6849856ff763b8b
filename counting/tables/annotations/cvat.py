"""CVAT's own format, "CVAT for images 1.1": an XML file with a point for each located object."""

from xml.etree import ElementTree

from counting.tables.annotations.photos import LocatedPhotos


def cvat_xml(located: LocatedPhotos) -> str:
    """The XML to upload to a CVAT task that has the photos and, as labels, the categories."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    labels = ElementTree.SubElement(ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task"), "labels")
    for category in located.categories:
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = category
        ElementTree.SubElement(label, "attributes")
    for number, photo in enumerate(located.photos):
        width, height = photo.size
        about = {"id": str(number), "name": photo.file_name, "width": str(width), "height": str(height)}
        image = ElementTree.SubElement(root, "image", about)
        for point in photo.points:
            place = {"label": point.category, "points": f"{point.x:.2f},{point.y:.2f}"}
            ElementTree.SubElement(image, "points", {**place, "source": "auto", "occluded": "0", "z_order": "0"})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
