"""Charts as SVG: curves with the spread of their seeds, and points with the spread in both ways."""

import html
import math

from glf.evaluation.page_style import CHART_STYLE

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 30, 46
LINE = 18  # of a legend
# Where positive values span more than this factor the axis is logarithmic.
WIDE = 50.0
MARKS = ("circle", "square", "triangle", "diamond")


class Axis:
    """Numbers to places on a chart.

    Args:
      values: finite numbers that shall have a place; at least one.
      begin, end: the places of the ends, in pixels.
      room: the share of the span that is left free at both ends.
    """

    def __init__(self, values, begin, end, room=0.04):
        low, high = min(values), max(values)
        self.log = low > 0 and high / low > WIDE
        self._begin, self._end = begin, end
        low, high = self._scaled(low), self._scaled(high)
        # A single value stands in the middle.
        margin = (high - low) * room if low < high else abs(low) * 0.05 or 0.5
        self._low, self._high = low - margin, high + margin

    def _scaled(self, value):
        return math.log10(value) if self.log else value

    def place(self, value):
        """Where a value is, in pixels."""
        share = (self._scaled(value) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def ticks(self):
        """Round values on the axis, three to eight of them."""
        if self.log and self._high - self._low >= 2:
            step = math.ceil((self._high - self._low) / 6)
            powers = range(math.ceil(self._low), math.floor(self._high) + 1, step)
            return [10.0**power for power in powers]
        low, high = (10**v if self.log else v for v in (self._low, self._high))
        raw = (high - low) / 5
        size = 10 ** math.floor(math.log10(raw))
        step = next(n * size for n in (1, 2, 2.5, 5, 10) if n * size >= raw * (1 - 1e-9))
        first = math.ceil(low / step - 1e-9)
        return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def curves(lines, x_title, y_title, about):
    """A chart of lines.

    Args:
      lines: [(number of the method, [(x, low, middle, high), ...], thin)]: its colour and dash,
        finite places in the order of x with the least, mean and greatest value there, and whether
        the line is a thin one.
      x_title, y_title: of the axes, with units.
      about: what is to be seen, for those who do not see it.
    """
    points = [point for _, line, _ in lines for point in line]
    x, y = _axes([p[0] for p in points], [v for p in points for v in p[1:]])
    drawn = []
    for number, line, thin in lines:
        if not thin and any(low < high for _, low, _, high in line):
            there = [(x.place(a), y.place(high)) for a, _, _, high in line]
            back = [(x.place(a), y.place(low)) for a, low, _, _ in reversed(line)]
            drawn.append(f'<path class="band f{number % 8}" d="{_path(there + back)}Z"/>')
        kind = f"line s{number % 8} d{number // 8 % 3}{' thin' * thin}"
        places = [(x.place(a), y.place(middle)) for a, _, middle, _ in line]
        drawn.append(f'<path class="{kind}" d="{_path(places)}"/>')
        if len(places) == 1:
            drawn.append(_mark(number, *places[0]))
    return _chart(drawn, x, y, x_title, y_title, about)


def scatter(points, x_title, y_title, about):
    """A chart of points with crosses for their spread.

    Args:
      points: [(number of the method, label, (mean, deviation or None) of x, the same of y)].
      x_title, y_title, about: as of `curves`.
    """
    spans = [[(m - (d or 0.0), m + (d or 0.0)) for m, d in p[2:]] for p in points]
    x, y = _axes(*([v for span in spans for v in span[i]] for i in (0, 1)))
    drawn = []
    for (number, label, (x_mean, _), (y_mean, _)), (across, along) in zip(
        points, spans, strict=True
    ):
        h, v = x.place(x_mean), y.place(y_mean)
        cross = f"M{x.place(across[0]):.1f} {v:.1f}H{x.place(across[1]):.1f}"
        cross += f"M{h:.1f} {y.place(along[0]):.1f}V{y.place(along[1]):.1f}"
        drawn.append(f'<path class="line thin s{number % 8}" d="{cross}"/>')
        drawn.append(_mark(number, h, v, label))
    return _chart(drawn, x, y, x_title, y_title, about)


def swatch(number):
    """The line and the mark of a method, by itself."""
    return f'<svg class="swatch" viewBox="0 0 24 12" aria-hidden="true">{_swatch(number)}</svg>'


def _swatch(number):
    line = f'<path class="line s{number % 8} d{number // 8 % 3}" d="M0 6H24"/>'
    return line + _mark(number, 12, 6)


def standalone(chart, names):
    """The text of an SVG file of a chart with its legend, on white.

    Args:
      chart: what `curves` or `scatter` gives.
      names: of the methods, by number from 0.
    """
    begin, end = chart.index(">") + 1, chart.rindex("</svg>")
    height = HEIGHT + LINE * len(names) + TOP // 3
    legend = []
    for number, name in enumerate(names):
        y = HEIGHT + LINE * number + LINE / 2
        place = f'<g transform="translate({LEFT} {y - 6})">{_swatch(number)}</g>'
        text = f'<text x="{LEFT + 32}" y="{y + 4}">{html.escape(name)}</text>'
        legend += [place, text]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}"><style>{CHART_STYLE}</style>'
        f'<path fill="#fff" d="M0 0H{WIDTH}V{height}H0Z"/>'
        f"{chart[begin:end]}{''.join(legend)}</svg>\n"
    )


def _axes(xs, ys):
    return Axis(xs, LEFT, WIDTH - RIGHT), Axis(ys, HEIGHT - BOTTOM, TOP)


def _mark(number, x, y, label=""):
    kind = MARKS[number % len(MARKS)]
    title = f"<title>{html.escape(label)}</title>" if label else ""
    attributes = f'class="dot f{number % 8}"'
    if kind == "circle":
        return f'<circle {attributes} cx="{x:.1f}" cy="{y:.1f}" r="5">{title}</circle>'
    corners = {
        "square": ((-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)),
        "triangle": ((0, -6), (5.5, 4.5), (-5.5, 4.5)),
        "diamond": ((0, -6.5), (6, 0), (0, 6.5), (-6, 0)),
    }[kind]
    path = _path([(x + a, y + b) for a, b in corners])
    return f'<path {attributes} d="{path}Z">{title}</path>'


def _path(places):
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _chart(drawn, x, y, x_title, y_title, about):
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(about)}">',
        *_ticks(x, y),
        *drawn,
        f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{html.escape(x_title)}</text>",
        f'<text x="4" y="16">{html.escape(y_title)}</text>',
        "</svg>",
    ]
    return "".join(parts)


def _ticks(x, y):
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for value in x.ticks():
        place = x.place(value)
        yield f'<path class="gridline" d="M{place:.1f} {TOP}V{bottom}"/>'
        anchor = "end" if place > right - 12 else "middle"
        yield f'<text class="tick" x="{min(place, right):.1f}" y="{bottom + 16}" '
        yield f'text-anchor="{anchor}">{_number(value)}</text>'
    for value in y.ticks():
        place = y.place(value)
        yield f'<path class="gridline" d="M{LEFT} {place:.1f}H{right}"/>'
        yield f'<text class="tick" x="{LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">'
        yield f"{_number(value)}</text>"


def _number(value):
    return f"{value:.6g}".replace("e-0", "e-").replace("e+0", "e").replace("-", "\u2212")
