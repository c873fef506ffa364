"""Start, stop and query a local site: `up`, `down`, `status`."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from esd_localsite import elevation
from esd_localsite.cluster import accounts
from esd_localsite.cluster.network import remove_interface
from esd_localsite.cluster.preparation import prepare
from esd_localsite.errors import LocalSiteError
from esd_localsite.parastation import preparation as parastation
from esd_localsite.state import lock
from esd_localsite.state.files import make_folder, write
from esd_localsite.state.interrupts import one_interrupt
from esd_localsite.state.layout import Layout, find_layout
from esd_localsite.state.options import Launcher, Profile, Server, SiteOptions
from esd_localsite.state.plan import SitePlan, checkout, code_fingerprint
from esd_localsite.state.programs import OWN_PACKAGES, PACKAGES, require_programs
from esd_localsite.state.status import SiteStatus, State, command, judge, read_record
from esd_localsite.supervision import health
from esd_localsite.supervision.launcher import end, launch
from esd_localsite.unicorex import preparation as real_server


def _silent(_text: str) -> None:
    """Report no progress."""


def status(name: str = "local") -> SiteStatus:
    """The site's status; needs no root. Raises LocalSiteError for an invalid name."""
    return _status(find_layout(name))


def look(name: str = "local") -> SiteStatus:
    """The site's status and what each part answers now; takes at most 30 s. Needs no root."""
    layout = find_layout(name)
    return _looked(_status(layout), layout)


def _looked(current: SiteStatus, layout: Layout) -> SiteStatus:
    """The status with the answers of a running site's parts; its detail names those that did not answer."""
    plan = SitePlan.read(layout)
    if current.state is not State.RUNNING or plan is None:
        return current
    asked = current.model_copy(update={"answers": health.ask(layout, plan)})
    if not asked.silent:
        return asked
    renew = f"`{command('down', layout.name)}` and `{command('up', layout.name)}` renew it"
    return asked.model_copy(update={"detail": f"no answer from {', '.join(asked.silent)}; {renew}"})


def _status(layout: Layout) -> SiteStatus:
    return judge(layout, read_record(layout), alive=lock.is_locked(layout.lock))


def up(name: str = "local", *, options: SiteOptions | None = None, progress: Callable[[str], None] = _silent) -> SiteStatus:
    """Start the site unless it runs, and return when it is ready. `options`: None means those of the last start.

    Raises LocalSiteError if it cannot start, runs with other options, or belongs to another checkout.
    """
    layout = _wanted_layout(name, options)
    current = _status(layout)
    if current.state is State.RUNNING and os.access(layout.password, os.R_OK):
        _tell_age(layout, progress)
        return _as_wanted(_claimed(current), layout, options)
    if layout.needs_root and not elevation.is_root():
        elevation.as_root(("up", name, *([options.model_dump_json()] if options else [])), progress)
        return status(name)
    with lock.operation(layout, progress):
        current = _status(layout)
        if current.state is not State.RUNNING:
            return _start(layout, options, progress)
        _as_wanted(_claimed(current), layout, options)
        accounts.keep_password(layout.password, accounts.calling_user(os.environ))
        return current


def down(name: str = "local", *, purge: bool = False, progress: Callable[[str], None] = _silent) -> None:
    """Stop the site and clean up, also after a crash; does nothing if it does not run. `purge` also removes its state.

    Raises LocalSiteError if it belongs to another checkout that still exists.
    """
    layout = find_layout(name)
    if not layout.state.exists() or (not purge and _status(layout).state is State.STOPPED and not lock.is_locked(layout.lock)):
        return
    if layout.needs_root and not elevation.is_root():
        elevation.as_root(("down", name, *(("--purge",) if purge else ())), progress)
        return
    with lock.operation(layout, progress):
        _claimed(_status(layout))
        _stop(layout, progress)
        if purge:
            shutil.rmtree(layout.state)


def _claimed(current: SiteStatus) -> SiteStatus:
    """The status of a site that this checkout may use. Raises LocalSiteError if it belongs to another checkout."""
    foreign = current.owner is not None and Path(current.owner) != checkout()
    if foreign and current.state is State.RUNNING and Path(current.owner or "").exists():
        name = current.name
        raise LocalSiteError(
            f"the local site '{name}' belongs to the checkout {current.owner}: stop it there (`{command('down', name)}`), "
            f"or use one of your own (`{command('up', 'other')}`, and the same --name everywhere)"
        )
    return current


def _tell_age(layout: Layout, progress: Callable[[str], None]) -> None:
    plan = SitePlan.read(layout)
    if plan is not None and plan.code != code_fingerprint():
        name = layout.name
        progress(f"it runs older code than this checkout has: `{command('down', name)}` and `{command('up', name)}` renew it")


def _wanted_layout(name: str, options: SiteOptions | None) -> Layout:
    """Where the site is, or will be. Raises LocalSiteError if a site of the other profile has the name."""
    if options is None:
        return find_layout(name)
    layout = find_layout(name, without_root=options.profile is Profile.NOBATCH)
    other = find_layout(name, without_root=layout.needs_root)
    if other.state.is_dir() and SitePlan.read(other) is not None:
        raise LocalSiteError(
            f"a local site '{name}' of the other profile exists in {other.state}: "
            f"`{command('down', name)} --purge` removes it, or use another --name"
        )
    return layout


def _as_wanted(current: SiteStatus, layout: Layout, options: SiteOptions | None) -> SiteStatus:
    """The status of a site that runs with these options. Raises LocalSiteError if it runs with others."""
    plan = SitePlan.read(layout)
    if options is None or plan is None or plan.options == options:
        return current
    differing = [name for name in SiteOptions.model_fields if getattr(options, name) != getattr(plan.options, name)]
    raise LocalSiteError(
        f"the local site '{layout.name}' runs with other options ({', '.join(differing)}): "
        f"take it down first (`{command('down', layout.name)}`), or use another --name"
    )


def _start(layout: Layout, options: SiteOptions | None, progress: Callable[[str], None]) -> SiteStatus:
    require_programs(PACKAGES if layout.needs_root else OWN_PACKAGES)
    make_folder(layout.state)
    with one_interrupt():
        _launch(layout, options, progress)
    return _status(layout)


def _launch(layout: Layout, options: SiteOptions | None, progress: Callable[[str], None]) -> None:
    """Prepare the site and start its supervisor. If that fails, clean up."""
    try:
        with lock.holding(layout.lock) as held:
            progress("preparing")
            _provide_programs(layout, options, progress)
            _remove_interface(layout)
            plan = prepare(layout, os.environ, options)
            if plan.options.server is Server.UNICOREX:
                real_server.configure(layout, plan, os.environ)
            if plan.options.launcher is Launcher.PARASTATION:
                parastation.configure(layout)
            layout.status.unlink(missing_ok=True)
            launch(layout, held, progress)
    except BaseException:
        with lock.holding(layout.lock):  # until its last process has ended
            _remove_interface(layout)
        raise


def _provide_programs(layout: Layout, options: SiteOptions | None, progress: Callable[[str], None]) -> None:
    """With the real server or ParaStation: find, fetch or build their programs before anything is written."""
    old = SitePlan.read(layout)
    wanted = options or (old.options if old else SiteOptions())
    if wanted.server is Server.UNICOREX:
        real_server.provide(layout, wanted.tsi, os.environ, progress)
    if wanted.launcher is Launcher.PARASTATION:
        parastation.provide(layout, wanted, progress)


def _remove_interface(layout: Layout) -> None:
    if layout.needs_root:
        remove_interface(layout)


def _stop(layout: Layout, progress: Callable[[str], None]) -> None:
    pid = lock.supervisor_pid(layout)
    if pid is not None:
        progress("stopping")
        end(layout, pid)
    with lock.holding(layout.lock):
        _remove_interface(layout)
        record = read_record(layout)
        if record is not None:
            detail = f"stopped; `{command('up', layout.name)}` starts it"
            stopped = record.model_copy(update={"state": State.STOPPED, "detail": detail})
            write(layout.status, stopped.recorded)
