"""Reports made of sections with paragraphs, tables and figures: HTML, Markdown, CSV."""

import base64
import csv
import dataclasses
import html
import io
import re
import struct

from glf.evaluation.charts import standalone, swatch
from glf.evaluation.page_style import STYLE


@dataclasses.dataclass(frozen=True)
class Cell:
    """A text in a table.

    Attributes:
      text: what it says; "" is shown as a blank.
      best: whether it is the best of its column.
      level: whether it cannot be told from the best.
      note: what is to be said of it beside it, such as why it is blank.
      swatch: the number of the colour and dash by which charts know this row; None: no chart does.
    """

    text: str
    best: bool = False
    level: bool = False
    note: str = ""
    swatch: int | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of `Cell`s or texts below a head; the first column names rows, the others are numbers.

    Attributes:
      head: the titles of columns, `Cell`s or texts.
      rows: lists of as many.
      words: the columns that are words, flush left, as numbers from 0; the first one always is.
    """

    head: list
    rows: list
    words: tuple = ()


@dataclasses.dataclass(frozen=True)
class Figure:
    """A chart, which is SVG, or a picture, which is PNG, with what is to be seen on it.

    Attributes:
      caption: that.
      svg: text of a chart.
      png: bytes of a picture.
    """

    caption: str
    svg: str = ""
    png: bytes = b""


@dataclasses.dataclass(frozen=True)
class Row:
    """Figures beside each other, as many as there is room for."""

    figures: list


@dataclasses.dataclass(frozen=True)
class Legend:
    """The colours, dashes and marks of charts: names of methods, by number from 0."""

    names: list


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
      title: its heading.
      parts: texts, each a paragraph, `Table`s, `Row`s, `Legend`s, or lists of texts.
      folded: whether it is shown on request only; printed pages show it.
    """

    title: str
    parts: list
    folded: bool = False


def markdown(table):
    """A `Table` as Markdown; the best cells are bold."""
    head = [_cell(cell).text for cell in table.head]
    sides = ["---" if i in (0, *table.words) else "---:" for i in range(len(head))]
    lines = [head, sides, *([_marked(_cell(cell)) for cell in row] for row in table.rows)]
    return "".join("| " + " | ".join(_plain(t) for t in line) + " |\n" for line in lines)


def csv_text(rows):
    """Rows as comma-separated values, RFC 4180 but for plain line ends."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _plain(text):
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _marked(cell):
    return f"**{cell.text}**" if cell.best and cell.text else cell.text


def chart_files(sections):
    """{name: text of an SVG file} of the charts of sections, each with its section's legend."""
    found = {}
    for section in sections:
        names = [name for part in section.parts if isinstance(part, Legend) for name in part.names]
        for row in (part for part in section.parts if isinstance(part, Row)):
            for figure in (figure for figure in row.figures if figure.svg):
                name = re.sub(r"[^\w.]+", "_", figure.caption).strip("_.")
                found[f"{name}.svg"] = standalone(figure.svg, names)
    return found


def html_page(title, subtitle, sections):
    """The text of a page of HTML that needs nothing but itself.

    Args:
      title: of the page.
      subtitle: a line below it.
      sections: `Section`s.
    """
    body = "\n".join(map(_section, sections))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{html.escape(title)}</h1>\n<p>{html.escape(subtitle)}</p></header>\n"
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _section(section):
    title, parts = html.escape(section.title), "\n".join(map(_part, section.parts))
    if section.folded:
        return (
            f"<section><details><summary><h2>{title}</h2></summary>\n{parts}\n</details></section>"
        )
    return f"<section><h2>{title}</h2>\n{parts}\n</section>"


def _part(part):
    if isinstance(part, str):
        return f"<p>{html.escape(part)}</p>"
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Row):
        kind = "row" if part.figures[0].svg else "row pictures"
        return f'<div class="{kind}">{"".join(map(_figure, part.figures))}</div>'
    if isinstance(part, Legend):
        entries = (f"<li>{swatch(i)} {html.escape(name)}</li>" for i, name in enumerate(part.names))
        return f'<ul class="legend">{"".join(entries)}</ul>'
    return f"<ul>{''.join(f'<li>{html.escape(text)}</li>' for text in part)}</ul>"


def _table(table):
    words = (0, *table.words)

    def line(row, tag):
        return "".join(
            _html_cell(_cell(c), "th" if i == 0 else tag, i in words) for i, c in enumerate(row)
        )

    rows = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in table.rows)
    head = f"<thead><tr>{line(table.head, 'th')}</tr></thead>"
    return f'<div class="table"><table>{head}\n<tbody>{rows}</tbody></table></div>'


def _html_cell(cell, tag, word):
    classes = [n for n, on in (("word", word), ("best", cell.best), ("level", cell.level)) if on]
    text = html.escape(cell.text)
    if cell.swatch is not None:
        text = f"{swatch(cell.swatch)} {text}"
    if cell.note:
        text += f"<small>{html.escape(cell.note)}</small>"
    marks = f' class="{" ".join(classes)}"' if classes else ""
    return f"<{tag}{marks}>{text}</{tag}>"


def _figure(figure):
    caption = f"<figcaption>{html.escape(figure.caption)}</figcaption>"
    if figure.svg:
        return f"<figure>{figure.svg}{caption}</figure>"
    width, height = struct.unpack(">II", figure.png[16:24])
    data = base64.b64encode(figure.png).decode("ascii")
    return (
        f'<figure class="picture"><img alt="{html.escape(figure.caption)}" width="{width}" '
        f'height="{height}" src="data:image/png;base64,{data}">{caption}</figure>'
    )


def _cell(cell):
    return cell if isinstance(cell, Cell) else Cell(str(cell))
