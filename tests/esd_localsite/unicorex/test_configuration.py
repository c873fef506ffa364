import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from esd_localsite.state.layout import Layout, user_root
from esd_localsite.state.options import PartitionOption, Profile, Server, SiteOptions, Speed
from esd_localsite.state.plan import SitePlan
from esd_localsite.unicorex import configuration
from esd_localsite.unicorex.places import Places
from esd_localsite.unicorex.policy import policy
from esd_localsite.unicorex.users import password_lines

HOME = Path("/home/ada")


def read(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def server(layout: Layout, plan: SitePlan) -> dict[str, str]:
    return read(configuration.server_properties(Places(layout), plan, "secret", HOME))


def test_the_server_knows_its_address_its_issuer_and_its_tsi(layout: Layout, real_plan: SitePlan) -> None:
    told = server(layout, real_plan)
    assert told["container.externalurl"] == "https://127.0.0.1:20003/DEMO"
    assert (told["container.port"], told["CLASSICTSI.port"], told["CLASSICTSI.replyport"]) == ("20004", "20005", "20006")
    assert told["container.security.rest.authentication.OAUTH.address"] == "https://127.0.0.1:20003/DEMO/oidc/userinfo"
    assert told["coreServices.targetsystemfactory.tsiMode"] == "remote"
    assert told["CLASSICTSI.ssl.disable"] == "false"
    assert told["container.client.serverHostnameChecking"] == "FAIL"
    assert told["coreServices.sms.storage.0.type"] == "HOME"


def test_without_root_it_runs_jobs_itself(real_plan: SitePlan) -> None:
    told = server(Layout("demo", user_root()), real_plan)
    assert told["coreServices.targetsystemfactory.tsiMode"] == "embedded"
    assert told["coreServices.sms.storage.0.path"] == str(HOME)
    assert not [key for key in told if key.startswith("CLASSICTSI")]


@pytest.mark.parametrize(
    ("speed", "status", "files"), [(Speed.CI, "500", "2"), (Speed.NORMAL, "1000", "10"), (Speed.REALISTIC, "30000", "10")]
)
def test_times_and_precommands_follow_the_options(layout: Layout, real_plan: SitePlan, speed: Speed, status: str, files: str) -> None:
    options = SiteOptions(server=Server.UNICOREX, speed=speed, login_precommand=False)
    told = server(layout, real_plan.model_copy(update={"options": options}))
    assert (told["CLASSICTSI.statusupdate.interval"], told["XNJS.staging.filesystemGraceTime"]) == (status, files)
    assert told["CLASSICTSI.interactive_execution.disable"] == "true"


def test_the_tsi_obeys_the_server_alone(layout: Layout, real_plan: SitePlan) -> None:
    told = read(configuration.tsi_properties(Places(layout), real_plan))
    assert (told["tsi.my_addr"], told["tsi.my_port"], told["tsi.unicorex_port"]) == ("127.0.0.1", "20005", "20006")
    assert told["tsi.allowed_dn.1"] == "CN=unicorex"
    assert told["tsi.keystore"] == "/sites/demo/tls/tsi.key"
    assert told["tsi.truststore"] == "/sites/demo/tls/ca.pem"
    assert told["tsi.switch_uid"] == "1"
    assert told["tsi.submit_cmd"] == "env -u SSL_CERT_FILE sbatch"


def test_partitions_and_applications(real_plan: SitePlan) -> None:
    partitions = (
        PartitionOption(name="batch", minutes=90),
        PartitionOption(name="devel", minutes=30),
        PartitionOption(name="booster", nodes=("c2",)),
    )
    plan = real_plan.model_copy(update={"options": SiteOptions(server=Server.UNICOREX, partitions=partitions)})
    told = json.loads(configuration.applications(plan, 2))
    assert [(name, p["IsDefaultPartition"], p["Resources"]["Runtime"]) for name, p in told["Partitions"].items()] == [
        ("batch", "true", "1-5400:3600"),
        ("devel", "false", "1-1800:1800"),
        ("booster", "false", "1-86400:3600"),
    ]
    assert [told["Partitions"][name]["Resources"]["Nodes"] for name in ("devel", "booster")] == ["1-2:1", "1-1:1"]
    assert [application["Name"] for application in told["Applications"]] == ["Date", "Bash shell", "Python script"]


def test_without_nodes_there_is_one(real_plan: SitePlan) -> None:
    plan = real_plan.model_copy(update={"options": SiteOptions(server=Server.UNICOREX, profile=Profile.NOBATCH)})
    assert json.loads(configuration.applications(plan, 2))["Partitions"]["batch"]["Resources"]["Nodes"] == "1-1:1"


def test_users_have_accounts_and_passwords() -> None:
    assert json.loads(configuration.accounts_document(["ada"], None, lambda account: (account, "brain"))) == {
        "CN=ada,O=esd-images local site": {"role": ["user"], "xlogin": ["ada"], "group": ["ada", "brain"]}
    }
    (esd,) = json.loads(configuration.accounts_document(["esd"], "me", lambda account: (account,))).values()
    assert (esd["xlogin"], esd["group"]) == (["me"], ["me"])
    digest = hashlib.md5(b"saltpw").hexdigest()
    assert password_lines({"ada": "pw"}, lambda: "salt") == f"ada:{digest}:salt:CN=ada,O=esd-images local site\n"


def test_the_policy_is_a_document_that_denies_what_it_does_not_name() -> None:
    rules = ElementTree.fromstring(policy()).findall("{urn:oasis:names:tc:xacml:2.0:policy:schema:os}Rule")
    assert [(rule.attrib["RuleId"], rule.attrib["Effect"]) for rule in rules][-1] == ("all-else", "Deny")


def test_settings_are_escaped_as_java_reads_them() -> None:
    assert configuration.properties({"a": "b\\c", "d": 1}) == "a=b\\\\c\nd=1\n"
