"""The rooms of the house: who may import whom, and what every file has."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROOMS = (
    "core",
    "data",
    "layers",
    "families",
    "networks",
    "solvers",
    "bijectors",
    "integer_flows",
    "dequantizers",
    "priors",
    "autoregressive",
    "samplers",
    "models",
    "extractors",
    "evaluation",
    "training",
    "compression",
)
ABOVE_ALL = ("configuration", "configurables", "export", "sweeps")
FILES = sorted((ROOT / "glf").rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path):
    """The full names of all that a file imports, relative and nested imports included."""
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                # `from glf.models import glf` names a module, `from x import f` a part of x.
                whole = f"{base}.{alias.name}"
                yield whole if whole in MODULES else base


def room(module):
    return module.split(".")[1] if module.startswith("glf.") else None


def offenders(wrong, paths=FILES):
    """[(file, what is wrong with it)] of all files that `wrong`, a generator, finds fault with."""
    return [(str(path.relative_to(ROOT)), fault) for path in paths for fault in wrong(path)]


def test_the_files_were_found():
    assert len(FILES) > 30
    assert "glf.core.random" in MODULES


def test_rooms_import_only_from_earlier_rooms():
    def wrong(path):
        own = room(module_of(path))
        if own is None or own in ABOVE_ALL:
            return
        if own not in ROOMS:
            yield f"the room {own} has no place in the order"
            return
        for name in imports(path):
            other = room(name)
            if other is not None and ROOMS[: ROOMS.index(own) + 1].count(other) == 0:
                yield f"imports {name}"

    assert offenders(wrong) == []


def test_nothing_in_the_library_imports_programs_or_tests():
    def wrong(path):
        return {name.split(".")[0] for name in imports(path)} & {"scripts", "tests"}

    assert offenders(wrong) == []


def test_gin_is_known_to_configurations_alone():
    def wrong(path):
        return {name.split(".")[0] for name in imports(path)} & {"gin"}

    known = {path for path, _ in offenders(wrong)}
    assert "glf/configurables.py" in known
    assert {path for path in known if not path.startswith("glf/configuration/")} == {
        "glf/configurables.py"
    }


def test_what_is_slow_to_import_is_imported_where_it_is_used():
    """Each takes tenths of a second, and most runs need none of it."""
    slow = {"tensorflow_probability", "tensorflow_datasets", "sklearn", "scipy", "matplotlib"}
    # Classes on TensorFlow Probability's; these files are imported where they are used.
    views = {"glf/bijectors/view.py", "glf/priors/distribution.py"}

    def wrong(path):
        for node in TREES[path].body:
            names = [alias.name for alias in getattr(node, "names", ())]
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield from {name.split(".")[0] for name in names} & slow

    assert {path for path, _ in offenders(wrong)} == views

    def loads(path):
        for node in TREES[path].body:
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from {node.module} & {"glf.bijectors.view", "glf.priors.distribution"}

    assert [found for found in offenders(loads) if found[0] not in views] == []


def test_no_circles():
    edges = {
        module: {name for name in imports(path) if name in MODULES and name != module}
        for module, path in MODULES.items()
    }
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for other in sorted(edges[module]):
            visit(other)
        done.add(path.pop())

    for module in sorted(MODULES):
        visit(module)


def test_the_package_itself_only_names_things():
    for node in TREES[ROOT / "glf" / "__init__.py"].body:
        allowed = isinstance(node, ast.ImportFrom | ast.Import | ast.Assign)
        allowed |= isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        allowed |= isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__dir__")
        assert allowed, ast.unparse(node)


def test_every_name_of_the_package_is_there():
    import glf

    for name in dir(glf):
        assert getattr(glf, name) is not None


PROGRAMS = sorted((ROOT / "scripts").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_files_are_short():
    def wrong(path):
        length = len(path.read_text(encoding="utf-8").splitlines())
        return [length] if length > 400 else []

    assert offenders(wrong, [*FILES, *PROGRAMS, *TESTS]) == []


def test_files_say_what_they_are():
    def wrong(path):
        text = path.read_text(encoding="utf-8")
        return [] if ast.get_docstring(ast.parse(text)) else ["has no docstring"]

    assert offenders(wrong, [*FILES, *PROGRAMS]) == []


def test_every_name_of_the_configurations_is_registered_once():
    from glf import configurables
    from glf.configuration.world import NAMES

    for name, target in configurables.CONFIGURABLES.items():
        assert len(NAMES.own.matching_selectors(name)) == 1, name
        assert list(configurables.CONFIGURABLES.values()).count(target) == 1, name


@pytest.mark.parametrize("name", ["bijectors", "priors"])
def test_every_bijector_and_prior_can_be_named(name):
    import importlib
    import inspect
    import pkgutil

    from glf import configurables
    from glf.bijectors.base import Bijector
    from glf.priors.base import Prior

    package = importlib.import_module(f"glf.{name}")
    known = set(configurables.CONFIGURABLES.values())
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"glf.{name}.{info.name}")
        for part in vars(module).values():
            own = inspect.isclass(part) and part.__module__ == module.__name__
            if own and issubclass(part, Bijector | Prior) and not inspect.isabstract(part):
                assert part in known, part
