"""How a report looks: on a screen wide or narrow, light or dark, and on paper."""

# Colours of lines: those of Okabe and Ito, which people of all kinds of sight tell apart, made
# darker on white where they are pale; after eight of them lines are dashed.
_LIGHT = ("#0072b2", "#d55e00", "#00815c", "#b3599b", "#8a6d00", "#2f8fc4", "#1a1a1a", "#8a4b00")
_DARK = ("#56b4e9", "#f0823a", "#2fc79a", "#e09cc9", "#f0e442", "#9ad7f5", "#e8e8e8", "#e69f00")


def _colours(colours):
    return "".join(f"--c{number}:{colour};" for number, colour in enumerate(colours))


_SERIES = "".join(
    f".s{number}{{stroke:var(--c{number})}}.f{number}{{fill:var(--c{number})}}\n"
    for number in range(len(_LIGHT))
)
_LIGHT_ALL = "--ink:#1c1c1e;--soft:#5c5c66;--paper:#fff;--rule:#d9d9e0;--mark:#e3f1e6;"
_LIGHT_ALL += _colours(_LIGHT)
_DARK_ALL = "--ink:#ececf0;--soft:#a5a5b0;--paper:#17181b;--rule:#3a3b42;--mark:#1f3a2a;"
_DARK_ALL += _colours(_DARK)

_CHARTS = f"""text{{fill:var(--ink);font-size:12px}} text.tick{{fill:var(--soft);font-size:11px}}
.axis{{stroke:var(--soft);fill:none}} .gridline{{stroke:var(--rule);fill:none}}
.line{{fill:none;stroke-width:2;stroke-linejoin:round}}
.thin{{stroke-width:1;opacity:.75}} .band{{opacity:.18;stroke:none}}
.dot{{stroke:var(--paper);stroke-width:1}}
.d1{{stroke-dasharray:7 3}} .d2{{stroke-dasharray:2 3}}
{_SERIES}"""

# Of a chart that is a file of its own, on white.
CHART_STYLE = f"""svg{{{_LIGHT_ALL}
font-family:system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}}
{_CHARTS}"""

STYLE = f""":root{{color-scheme:light dark;{_LIGHT_ALL}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK_ALL}}}}}
*{{box-sizing:border-box}}
body{{margin:0 auto;padding:1rem;max-width:75rem;background:var(--paper);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}}
h1{{font-size:1.6rem;line-height:1.2;margin:.5rem 0;overflow-wrap:anywhere}}
h2{{font-size:1.2rem;margin:2rem 0 .5rem}}
header p,figcaption,small{{color:var(--soft)}}
p,li{{max-width:48rem;overflow-wrap:anywhere}}
ul{{padding-left:1.2rem}}
summary{{cursor:pointer}} summary h2{{display:inline-block;margin-bottom:.25rem}}
.table{{overflow-x:auto;margin:.75rem 0;border:1px solid var(--rule);border-radius:.4rem}}
table{{border-collapse:separate;border-spacing:0;width:100%;font-size:.9rem;
font-variant-numeric:tabular-nums}}
th,td{{padding:.4rem .7rem;text-align:right;vertical-align:top;border-bottom:1px solid var(--rule)}}
th{{font-weight:600}} tbody tr:last-child>*{{border-bottom:0}}
td{{white-space:nowrap}}
td.word{{white-space:normal;min-width:9rem;max-width:26rem;overflow-wrap:anywhere}}
.word{{text-align:left}}
th:first-child{{position:sticky;left:0;background:var(--paper);min-width:8.5rem;max-width:45vw;
overflow-wrap:anywhere;border-right:1px solid var(--rule)}}
thead th{{vertical-align:bottom}}
small{{display:block;font-size:.75rem;font-weight:400;line-height:1.25;white-space:normal}}
td small{{max-width:11rem;margin-left:auto}} td.word small{{margin-left:0}}
.best{{font-weight:700;background:var(--mark)}}
.level{{font-style:italic;background:var(--mark)}}
.row{{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));gap:1rem}}
.pictures{{grid-template-columns:repeat(auto-fill,minmax(min(100%,16rem),1fr))}}
figure{{margin:0;min-width:0;break-inside:avoid}}
figcaption{{font-size:.85rem;overflow-wrap:anywhere}}
figure svg{{width:100%;height:auto;display:block}}
img{{max-width:100%;height:auto;min-width:min(100%,16rem);image-rendering:pixelated;
background:#fff;display:block}}
.swatch{{width:24px;height:12px;vertical-align:middle}}
.legend{{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.9rem}}
{_CHARTS}@media print{{:root{{{_LIGHT_ALL}}}body{{max-width:none;font-size:10pt}}
.table{{overflow:visible}} details:not([open])>*{{display:block}} td,th{{padding:.2rem .35rem}}
details::details-content{{content-visibility:visible;block-size:auto}}}}
"""
