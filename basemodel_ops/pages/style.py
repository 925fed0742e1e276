"""Colours and layout of a page: light and dark, from a phone up; text on every ground at 4.5 to 1 or more."""

LIGHT = {
    "ink": "#1b1f24", "dim": "#57606a", "paper": "#ffffff", "card": "#f6f8fa", "edge": "#d0d7de", "link": "#0b57b0",
    "s0": "#0b62c4", "s1": "#b34700", "s2": "#1a7f37", "s3": "#8038c8", "s4": "#c01e2e", "s5": "#0a6e74",
}  # fmt: skip
DARK = {
    "ink": "#e6edf3", "dim": "#a3adb8", "paper": "#0d1117", "card": "#161b22", "edge": "#3d444d", "link": "#79bdff",
    "s0": "#6cb6ff", "s1": "#f0a45d", "s2": "#6bc46d", "s3": "#c39bff", "s4": "#ff8a80", "s5": "#4fd1c5",
}  # fmt: skip

SERIES = tuple(name for name in LIGHT if name.startswith("s"))


def _colours(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


DRAWING = (
    "svg{font:11px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}svg text{fill:var(--ink)}"
    ".grid{stroke:var(--edge);stroke-width:.6}.axis{stroke:var(--dim)}.line{fill:none;stroke-width:2}"
    ".guide{fill:none;stroke:var(--dim);stroke-dasharray:2 3}.dots{fill:none;stroke-width:4;stroke-linecap:round;"
    "opacity:.75}.name{font-size:14px;font-weight:700;paint-order:stroke;stroke:var(--paper);stroke-width:3px}"
    ".area{fill-opacity:.35}.tile{fill-opacity:.22;stroke:var(--paper)}.box{fill:var(--card);stroke:var(--edge)}"
    + "".join(
        f".line.{name},.dots.{name}{{stroke:var(--{name})}}.area.{name},.tile.{name},.cell.{name}{{fill:var(--{name})}}"
        for name in SERIES
    )
)
"""Rules of the classes that pictures are drawn with."""

PICTURE = f":root{{{_colours(LIGHT)}}}svg{{background:{LIGHT['paper']}}}{DRAWING}"
"""The style of a picture that stands alone, in light."""

PAGE = (
    f":root{{color-scheme:light dark;{_colours(LIGHT)}}}@media(prefers-color-scheme:dark){{:root{{{_colours(DARK)}}}}}"
    "*{box-sizing:border-box}html{scroll-behavior:smooth;scroll-padding-top:1rem}"
    "@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}"
    "body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,"
    "sans-serif;overflow-wrap:anywhere}header,main,footer{max-width:74rem;margin:0 auto;padding:0 12px}"
    "nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;padding:0;margin:.5rem 0}"
    "nav a{display:inline-block;padding:.35rem 0}a{color:var(--link)}"
    "a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px}"
    ".skip{position:absolute;left:-999px}.skip:focus{left:12px;top:8px;background:var(--paper);padding:.5rem;z-index:1}"
    "h1{font-size:1.7rem;line-height:1.25;margin:1.2rem 0 .3rem}h2{font-size:1.35rem;margin:2.4rem 0 .4rem;"
    "padding-top:.8rem;border-top:1px solid var(--edge)}h3{font-size:1.1rem;margin:1.6rem 0 .3rem}"
    "h4{font-size:1rem;margin:1.2rem 0 .3rem}p{margin:.4rem 0;max-width:46rem}.dim,figcaption{color:var(--dim)}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(320px,100%),1fr));gap:1rem;margin:.8rem 0}"
    "figure{margin:0;padding:8px;background:var(--card);border:1px solid var(--edge);border-radius:8px}"
    "figure svg{display:block;width:100%;height:auto;max-width:480px;margin:0 auto}"
    "figcaption{font-size:.86rem;line-height:1.45;margin-top:.3rem}figcaption strong{color:var(--ink)}"
    ".legend{list-style:none;display:flex;flex-wrap:wrap;gap:0 .9rem;margin:.2rem 0;padding:0;font-size:.86rem}"
    ".swatch{display:inline-block;width:1.1em;height:.7em;margin-right:.35em;border-radius:2px}"
    ".swatch.guide{background:none;border-bottom:2px dashed var(--dim);border-radius:0}"
    + "".join(f".swatch.{name}{{background:var(--{name})}}" for name in SERIES)
    + ".swatch.drawn{height:.22em;margin-bottom:.25em;width:1.7em}"
    + "".join(
        f".swatch.drawn.{name}{{background:repeating-linear-gradient(90deg,var(--{name}) 0 {mark}px,#0000 0 {step}px)}}"
        for name, (mark, step) in zip(SERIES[1:], ((6, 9), (2, 5), (8, 11), (1, 3), (10, 14)), strict=True)
    )
    + ".scroll{overflow-x:auto;margin:.6rem 0}table{border-collapse:collapse;font-size:.9rem}"
    "caption{text-align:left;color:var(--dim);padding:.2rem 0}th,td{padding:.3rem .7rem .3rem 0;text-align:left;"
    "vertical-align:top;border-bottom:1px solid var(--edge);overflow-wrap:normal;min-width:3rem;max-width:26rem}"
    "thead th{white-space:nowrap}tbody th{font-weight:500}.number{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}table svg{display:block;width:120px}"
    "summary{cursor:pointer;padding:.35rem 0;color:var(--link)}dl{display:grid;grid-template-columns:max-content 1fr;"
    "gap:.15rem .9rem;font-size:.92rem}dt{color:var(--dim)}dd{margin:0}code{font-size:.9em}"
    "@media(max-width:480px){dl{grid-template-columns:1fr}dd{margin:0 0 .4rem}}"
    ".card{border:1px solid var(--edge);border-radius:8px;padding:0 12px 8px;background:var(--card)}"
    ".none{color:var(--dim);font-style:italic}footer{margin-top:2.5rem;padding-bottom:2rem;color:var(--dim);font-size:.86rem}"
    + DRAWING
)
"""The style of a page."""
