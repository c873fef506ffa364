"""The server's access policy (XACML 2): owners may do everything, users may submit and make storages, everyone may read what is public.

UNICORE/X from 2.9.3 on has such a policy built in; this version needs one.
"""

_STRING = "http://www.w3.org/2001/XMLSchema#string"
_URI = "http://www.w3.org/2001/XMLSchema#anyURI"
_NAME = "urn:oasis:names:tc:xacml:1.0:data-type:x500Name"
_FUNCTION = "urn:oasis:names:tc:xacml:1.0:function:"
_FIRST = "urn:oasis:names:tc:xacml:1.0:rule-combining-algorithm:first-applicable"
_ACTION = "urn:oasis:names:tc:xacml:1.0:action:action-id"
_RESOURCE = "urn:oasis:names:tc:xacml:1.0:resource:resource-id"
_SUBJECT = "urn:oasis:names:tc:xacml:1.0:subject:subject-id"
_PUBLIC = ("core", "registries", "Registry", "StorageFactory", "TargetSystemFactoryService")
_FOR_USERS = ("core", "StorageFactory", "TargetSystemFactoryService")


def policy() -> str:
    """The policy's document."""
    owner = _equal(_one("Subject", _SUBJECT, _NAME, must="true"), _one("Resource", "owner", _NAME, must="true"), "x500Name")
    rules = (
        _rule("banned", "Deny", _equal(_one("Subject", "role"), _value("banned"))),
        _rule("owner", "Permit", owner),
        _rule("shared", "Permit", _equal(_one("Subject", "aclCheckPassed"), _value("true"))),
        _rule("others-change-nothing", "Deny", _action_in("DELETE", "PUT")),
        _rule("public", "Permit", _action_in("GET", "HEAD"), _services(_PUBLIC)),
        _rule("users", "Permit", _equal(_one("Subject", "role"), _value("user")), _services(_FOR_USERS)),
        _rule("all-else", "Deny"),
    )
    head = f'<Policy xmlns="urn:oasis:names:tc:xacml:2.0:policy:schema:os" PolicyId="local-site" RuleCombiningAlgId="{_FIRST}"><Target/>'
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', head, *rules, "</Policy>", ""))


def _value(text: str, kind: str = _STRING) -> str:
    return f'<AttributeValue DataType="{kind}">{text}</AttributeValue>'


def _one(what: str, attribute: str, kind: str = _STRING, *, must: str = "false") -> str:
    function = "x500Name" if kind == _NAME else "string"
    designator = f'<{what}AttributeDesignator AttributeId="{attribute}" DataType="{kind}" MustBePresent="{must}"/>'
    return f'<Apply FunctionId="{_FUNCTION}{function}-one-and-only">{designator}</Apply>'


def _equal(left: str, right: str, kind: str = "string") -> str:
    return f'<Condition><Apply FunctionId="{_FUNCTION}{kind}-equal">{left}{right}</Apply></Condition>'


def _action_in(*names: str) -> str:
    bag = "".join(_value(name) for name in names)
    known = f'<Apply FunctionId="{_FUNCTION}string-bag">{bag}</Apply>'
    return f'<Condition><Apply FunctionId="{_FUNCTION}string-is-in">{_one("Action", _ACTION)}{known}</Apply></Condition>'


def _services(names: tuple[str, ...]) -> str:
    designator = f'<ResourceAttributeDesignator AttributeId="{_RESOURCE}" DataType="{_URI}" MustBePresent="true"/>'
    each = (
        f'<Resource><ResourceMatch MatchId="{_FUNCTION}anyURI-equal">{_value(name, _URI)}{designator}</ResourceMatch></Resource>'
        for name in names
    )
    return f"<Resources>{''.join(each)}</Resources>"


def _rule(name: str, effect: str, condition: str = "", target: str = "") -> str:
    return f'<Rule RuleId="{name}" Effect="{effect}"><Target>{target}</Target>{condition}</Rule>'
