"""A site whose OCI registry has a certificate authority of its own: the server's does not vouch for it, and the other way round."""

import os
import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.sites.conftest import Deploy, mpi_lines
from tests.sites.test_unicorex import until

from esd_localsite.cluster import certificates
from esd_localsite.cluster.registry import SERVER
from esd_localsite.state.layout import Layout, TlsFiles
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.status import SiteStatus

pytestmark = [pytest.mark.site, pytest.mark.usefixtures("as_root")]


def answers(address: str, verify: ssl.SSLContext) -> bool:
    with suppress(httpx.HTTPError):
        return bool(httpx.get(address, verify=verify, trust_env=False).status_code)
    return False


def restart_registry(layout: Layout, authority: Path) -> None:
    """The registry and its token service are started anew; back when they answer with certificates of that authority."""
    plan = SitePlan.read(layout)
    assert plan
    verify = ssl.create_default_context(cafile=str(authority))
    addresses = f"https://{plan.registry}/v2/", f"https://127.0.0.1:{plan.ports.login}/token"
    for word in (layout.registry_config, layout.login_config):
        found = subprocess.run(("pgrep", "-f", f"(serve|--config) {word}"), capture_output=True, text=True, check=True).stdout
        os.kill(int(found.split()[0]), signal.SIGKILL)
    for address in addresses:
        until(lambda: answers(address, verify), f"{address} does not answer with its new certificate")  # noqa: B023


@pytest.fixture
def registry_authority(running_site: SiteStatus, published: object, tmp_path: Path) -> Iterator[Path]:
    """The registry, which has the image, gets certificates of another authority; the login node trusts it. As before afterwards."""
    layout, other = Layout(running_site.name), TlsFiles(tmp_path / "other")
    other.folder.mkdir(mode=0o755)
    changed = (layout.tls.certificate(SERVER), layout.tls.key(SERVER), layout.tls.bundle, layout.registry_config)
    kept = {path: path.read_bytes() for path in changed}
    certificates.issue(certificates.certificate_authority(other), other, SERVER, os.geteuid())
    trusted = layout.tls.folder / "registry-ca.pem"
    trusted.write_bytes(other.ca.read_bytes())
    try:
        # In place: owner and mode of the key stay.
        layout.tls.certificate(SERVER).write_bytes(other.certificate(SERVER).read_bytes())
        layout.tls.key(SERVER).write_bytes(other.key(SERVER).read_bytes())
        layout.tls.bundle.write_bytes(kept[layout.tls.bundle] + other.ca.read_bytes())
        layout.registry_config.write_text(kept[layout.registry_config].decode().replace(f"bundle: {layout.tls.ca}", f"bundle: {trusted}"))
        restart_registry(layout, trusted)
        yield trusted
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
        trusted.unlink()
        restart_registry(layout, layout.tls.ca)


@pytest.fixture
def at(deploy: Deploy, running_site: SiteStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The site's file with such authorities. What registries answered before does not count."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def site_file(**authorities: Path) -> str:
        lines = (
            *("kind: unicore", "description: a site with two authorities", f"url: {running_site.unicore_url}"),
            *(f"registry: {running_site.registry}", "binds: [/tmp]", "limits: {nodes: 2, time_s: 600}", "poll_s: 1"),
            *mpi_lines(running_site.launcher),
            f"credentials: {{username: {running_site.username}, password_file: {running_site.password_file}}}",
            *(f"{key}: {file}" for key, file in authorities.items()),
        )
        file = tmp_path / "authorities.yaml"
        file.write_text("\n".join(lines) + "\n")
        return str(file)

    return site_file


def test_registry_and_server_have_an_authority_each(
    deploy: Deploy,
    running_site: SiteStatus,
    registry_authority: Path,
    at: Callable[..., str],
    tmp_path: Path,
) -> None:
    program, server = tmp_path / "program.py", running_site.ca_file
    program.write_text("print('ran')\n")

    def run(code: int, **authorities: Path) -> str:
        finished = deploy("run", str(program), "--site", at(**authorities), "--image", "nest:edge", code=code)
        return finished.stdout + finished.stderr

    absent = tmp_path / "absent.pem"
    unknown = run(4, ca_file=server)
    assert f"the certificate of {running_site.registry} is not trusted" in unknown
    assert "registry_ca_file" in unknown
    swapped = run(4, ca_file=registry_authority, registry_ca_file=registry_authority)
    assert f"is not signed by {registry_authority}; correct ca_file" in swapped
    assert f"{absent}: no such file; it should hold the certificate authority of registry" in run(
        3, ca_file=server, registry_ca_file=absent
    )
    assert f"{absent}: " in run(3, ca_file=absent, registry_ca_file=registry_authority)

    assert "ran" in run(0, ca_file=server, registry_ca_file=registry_authority)
