"""Run by `spack python` in the builder image: prints, as JSON, every file that the active environment's lock needs."""

import json

import spack.environment
import spack.fetch_strategy

found = {}
for spec in spack.environment.active_environment().all_specs():
    if spec.external or not spec.package.has_code:
        continue
    package = spec.package
    for number, stage in enumerate(package.stage):
        fetcher = stage.default_fetcher
        is_file = isinstance(fetcher, spack.fetch_strategy.URLFetchStrategy)
        found[stage.mirror_layout.path] = {
            "package": spec.name,
            "version": str(spec.version),
            "hash": spec.dag_hash(),
            "path": stage.mirror_layout.path,
            "url": fetcher.url if is_file else "",
            "sha256": (fetcher.digest or "") if is_file else "",
            "index": (getattr(package, "pypi", None) or "").split("/")[0] if number == 0 else "",
        }
print("SOURCES " + json.dumps(sorted(found.values(), key=lambda source: source["path"])))
