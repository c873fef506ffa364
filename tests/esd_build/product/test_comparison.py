from dataclasses import replace

from esd_build.product.comparison import compare
from esd_build.product.contents import Entry, _entry

FILE = Entry("-rw-r--r--", "0/0", "12", 1795132800, "ab" * 32)


def test_the_same_files_do_not_differ() -> None:
    assert compare({"/a": FILE}, {"/a": replace(FILE)}) == ()


def test_each_kind_of_difference_is_named() -> None:
    first = {"/gone": FILE, "/same": FILE, "/touched": FILE, "/usr/lib/x.pyc": FILE}
    second = {
        "/came": FILE,
        "/same": FILE,
        "/touched": replace(FILE, mode="-rwxr-xr-x", time=1795219200),
        "/usr/lib/x.pyc": replace(FILE, content="cd" * 32),
    }
    assert [str(difference) for difference in compare(first, second)] == [
        "/came: added",
        "/gone: missing",
        "/touched: mode, time",
        "/usr/lib/x.pyc: content (bytecode; the source beside it is compared, too)",
    ]


def test_listings_of_unsquashfs_are_read() -> None:
    line = "-rwsr-xr-x 0/0               63880 2025-03-29 10:12 squashfs-root/usr/bin/a name"
    assert _entry(line) == ("/usr/bin/a name", Entry("-rwsr-xr-x", "0/0", "63880", None, ""))
    assert _entry("lrwxrwxrwx 0/0 7 2025-03-29 10:12 squashfs-root/bin -> usr/bin") == (
        "/bin",
        Entry("lrwxrwxrwx", "0/0", "7", None, "usr/bin"),
    )
    assert _entry("Parallel unsquashfs: Using 2 processors") is None
