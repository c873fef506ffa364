"""The walk through a folder as UNICORE lists it, with links in it that the server follows."""

import posixpath

from esd_deploy.backends.inventory import LIST
from esd_deploy.backends.unicore.folder import walk

FOLDER = {"isDirectory": True, "size": 4096, "lastAccessed": "t"}


def disk(tree, links=()):
    """A lister of a tree (path → size), where links are followed without a word; and the paths that were asked for."""
    asked = []
    links = dict(links)

    def real(path):
        parts = []
        for part in path.split("/"):
            parts = list(filter(None, posixpath.normpath("/".join([*parts, part])).lstrip("/").split("/")))
            link = links.get("/".join(parts))
            if link is not None:
                parts = list(filter(None, real(posixpath.join(*parts[:-1], link)).split("/")))
        return "/".join(part for part in parts if part != ".")

    def listed(path):
        asked.append(path)
        where = real(path.strip("/"))
        inside = [name for name in (*tree, *links) if name.startswith(f"{where}/") or not where]
        names = {name.removeprefix(where).lstrip("/").partition("/")[0] for name in inside}
        content = {}
        for name in sorted(names):
            full = real(f"{where}/{name}".lstrip("/"))
            is_file = full in tree
            content[f"{path.rstrip('/')}/{name}" + ("" if is_file else "/")] = (
                {"isDirectory": False, "size": tree[full]} if is_file else FOLDER
            )
        return content

    return listed, asked


LOOP = {"out/a/x.dat": 1, "out/b/y.dat": 2}
LINKS = {"out/a/other": "../b", "out/b/other": "../a", "out/a/up": ".."}


def test_the_walk_through_links_in_circles_ends():
    listed, asked = disk(LOOP, LINKS)

    found = walk(listed, tuple)

    assert {"out/a/x.dat", "out/b/y.dat"} <= {one.path for one in found if not one.problem}
    assert len(asked) < 100


def test_links_that_the_job_noted_are_not_followed():
    listed, asked = disk({**LOOP, LIST: 9}, LINKS)

    found = walk(listed, lambda: frozenset(LINKS))

    assert sorted(one.path for one in found) == [LIST, "out/a/x.dat", "out/b/y.dat"]
    assert "/out/a/up/" not in asked


def test_forty_folders_deep_is_not_too_deep():
    deep = "/".join(f"d{number}" for number in range(60)) + "/deep.dat"

    assert [one.path for one in walk(disk({deep: 1})[0], tuple)] == [deep]


def test_a_folder_that_is_not_listed_keeps_no_other_back():
    listed, _ = disk({"good/a": 1, "locked/b": 1})

    found = walk(lambda path: "no" if "locked" in path else listed(path), tuple)

    assert [(one.path, one.problem, one.kind) for one in found] == [("locked", "no", "folder"), ("good/a", "", "file")]


def test_where_the_top_is_not_listed_the_jobs_notes_and_output_are_still_found():
    listed, _ = disk({LIST: 9, "x": 1})

    found = walk(lambda path: "no" if path == "/" else listed(path), tuple)

    assert {one.path for one in found} == {"", "stdout", "stderr", LIST}
