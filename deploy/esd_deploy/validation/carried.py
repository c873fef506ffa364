"""Python packages that a validation carries along for images that have none: pytest, of the environment that this runs in."""

import importlib.util
import io
import zipfile
from pathlib import Path

_PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")


def pytest_zip() -> bytes:
    """pytest and what it needs, pure Python, as an archive that Python imports from; empty where it is not installed here."""
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
                # A date of its own would make the same job another one each time.
                entry = zipfile.ZipInfo(source.relative_to(package.parent).as_posix())
                archive.writestr(entry, source.read_bytes(), zipfile.ZIP_DEFLATED)
    return target.getvalue()
