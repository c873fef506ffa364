"""What a registry's answers mean: without any network."""

import pytest
import requests

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.net.patience import PassingFault
from esd_build.registry.answers import checked, said


def answer(status: int, text: str = "", **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made.reason = "Reason"
    made.url = "https://host.eu/v2/"
    made._content = text.encode()
    made.headers.update(headers)
    return made


@pytest.mark.parametrize(
    ("status", "header", "pause_s"), [(429, "3", 3), (503, "99999", 60), (502, "Wed, 21 Oct 2026", None), (500, "-1", None)]
)
def test_passing_answers_with_and_without_a_pause(status: int, header: str, pause_s: float | None) -> None:
    with pytest.raises(PassingFault) as fault:
        checked(answer(status, **{"Retry-After": header}), "pushing", frozenset({200}))
    assert fault.value.pause_s == pause_s


@pytest.mark.parametrize(
    ("status", "text", "error", "words"),
    [
        (500, '{"errors": [{"detail": "write: no space left on device"}]}', ToolError, "disk is full"),
        (403, '{"errors": [{"code": "DENIED", "message": "will exceed the configured upper limit of 1 GiB."}]}', UsageError, "quota"),
        (403, "", UsageError, "this account lacks the right"),
        (412, '{"errors": [{"code": "PRECONDITION", "message": "configured as immutable"}]}', UsageError, "is immutable"),
        (404, "", UsageError, "no such project or repository"),
        (418, "", ToolError, "answered 418 Reason"),
    ],
)
def test_final_answers_are_errors_that_say_what_to_do(status: int, text: str, error: type[EsdError], words: str) -> None:
    with pytest.raises(error, match=words):
        checked(answer(status, text), "pushing", frozenset({200}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"errors": [{"code": "DENIED", "message": "no"}, {"code": "X", "message": "y"}]}', "DENIED: no; X: y"),
        ('{"errors": "none"}', '{"errors": "none"}'),
        ("plain\n  words", "plain words"),
        ("<html><body>nginx</body></html>", ""),
        ("", ""),
    ],
)
def test_words_of_a_registry_are_one_line(text: str, words: str) -> None:
    assert said(answer(400, text)) == words
