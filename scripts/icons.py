"""Draws the PNG icons of the installed app from static/img/mark.svg; to run after it has changed: `python -m scripts.icons`."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from PIL import Image, ImageDraw

IMAGES = Path(__file__).resolve().parents[1] / "static" / "img"
SVG = "{http://www.w3.org/2000/svg}"
FINER = 4  # drawn so many times larger, then made smaller: smooth edges
GROUND = "#ffffff"
# name → side in pixels, share of it that the mark takes, whether there is ground behind it. What is maskable may lose
# everything outside a circle of four fifths: https://www.w3.org/TR/appmanifest/#icon-masks (read 2026-11-21)
ICONS = {
    "icon-192.png": (192, 0.94, False),
    "icon-512.png": (512, 0.94, False),
    "icon-maskable-512.png": (512, 0.62, True),
    "icon-apple-180.png": (180, 0.76, True),
}


def draw_all() -> None:
    mark = ElementTree.parse(IMAGES / "mark.svg").getroot()
    for name, (side, share, has_ground) in ICONS.items():
        _drawn(mark, side, share, has_ground).save(IMAGES / name, optimize=True)


def _drawn(mark: ElementTree.Element, side: int, share: float, has_ground: bool) -> Image.Image:
    large = side * FINER
    image = Image.new("RGBA", (large, large), GROUND if has_ground else (0, 0, 0, 0))
    canvas = ImageDraw.Draw(image)
    group = mark.find(f"{SVG}g")
    assert group is not None
    box = float(mark.attrib["viewBox"].split()[2])
    scale, edge = large * share / box, large * (1 - share) / 2
    for circle in group.iter(f"{SVG}circle"):
        x, y, radius = (float(circle.attrib[name]) * scale for name in ("cx", "cy", "r"))
        half = float(group.attrib["stroke-width"]) * scale / 2
        corners = (x - radius - half + edge, y - radius - half + edge, x + radius + half + edge, y + radius + half + edge)
        canvas.ellipse(corners, outline=circle.attrib["stroke"], width=round(2 * half))
    return image.resize((side, side), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    draw_all()
