"""Packs the Python packages that a validation sends for images that lack them: pytest, from the environment that this runs in."""

import importlib.util
import io
import zipfile
from pathlib import Path

_PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")


def pytest_zip() -> bytes:
    """pytest and its dependencies, pure Python, as an archive that Python imports from; empty if pytest is not installed here."""
    places = [importlib.util.find_spec(name) for name in _PACKAGES]
    if any(place is None or place.origin is None for place in places):
        return _archive(())
    origins = (Path(place.origin) for place in places if place is not None and place.origin is not None)
    return _archive(tuple(origin.parent if origin.name == "__init__.py" else origin for origin in origins))


def _archive(packages: tuple[Path, ...]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in packages:
            for source in sorted(package.rglob("*.py")) if package.is_dir() else (package,):
                # With its own date, the same job would differ each time.
                entry = zipfile.ZipInfo(source.relative_to(package.parent).as_posix())
                archive.writestr(entry, source.read_bytes(), zipfile.ZIP_DEFLATED)
    return target.getvalue()
