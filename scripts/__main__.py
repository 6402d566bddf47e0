"""All programs behind one command: `glf PROGRAM`, or `python -m scripts PROGRAM` in a repository.

  glf train --workdir=runs/digits --gin_file=configs/studies/glf/digits.gin

The same programs as `python -m scripts.PROGRAM`, with the same flags.
"""

import ast
import difflib
import pathlib
import runpy
import sys

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts PROGRAM")

PROGRAMS = (
    "train",
    "sweep",
    "evaluate",
    "sample",
    "interpolate",
    "export",
    "compare",
    "compare_groups",
    "compare_latent_densities",
    "compare_samplers",
    "compare_studies",
    "evaluate_conditional",
    "segment",
    "compress",
    "decompress",
    "benchmark",
    "sample_export",
)
_HERE = pathlib.Path(__file__).resolve().parent


def main():
    """Runs the program that the first word names; returns or exits with its exit code."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "-help", "--help", "help"):
        print(usage())
        return 0
    if words[0] == "--version":
        import glf

        print(f"glf {glf.__version__}")
        return 0
    name = words[0].replace("-", "_")
    if name not in PROGRAMS:
        close = difflib.get_close_matches(name, PROGRAMS)
        known = f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(PROGRAMS)}."
        sys.stderr.write(f"Error: there is no program {words[0]!r}. {known}\n")
        return 1
    sys.argv[1:] = words[1:]
    runpy.run_module(f"{__package__}.{name}", run_name="__main__", alter_sys=True)
    return 0


def usage():
    """Every program with the first line of its description; nothing is imported for it."""
    from glf.core.places import configs_home

    command = "python -m scripts" if __package__ == "scripts" else "glf"
    width = max(map(len, PROGRAMS))
    lines = [f"Usage: {command} PROGRAM --flag=value ...    ({command} PROGRAM --help)", ""]
    for name in PROGRAMS:
        source = (_HERE / f"{name}.py").read_text(encoding="utf-8")
        about = ast.get_docstring(ast.parse(source)).splitlines()[0]
        lines.append(f"  {name:<{width}}  {about}")
    lines += ["", f"Configurations lie in {configs_home() / 'configs'} and are found from anywhere"]
    lines.append("by names such as configs/studies/glf/digits.gin.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
