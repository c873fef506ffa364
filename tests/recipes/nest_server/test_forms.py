import msgpack
import numpy
import pytest

from esd_nest_server.forms import JSON, MSGPACK, FormError, decoded, encoded


@pytest.mark.parametrize("array", [numpy.arange(6.0).reshape(2, 3), numpy.array([1, 2], ">i4"), numpy.zeros(0), numpy.array([True])])
def test_arrays_keep_type_and_shape_in_msgpack(array):
    found = decoded(encoded({"events": {"times": array}}, MSGPACK), MSGPACK)["events"]["times"]

    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert numpy.array_equal(found, array)


def test_json_has_lists():
    assert decoded(encoded({"a": numpy.arange(2), "b": numpy.float64(0.5), "c": (1, None)}, JSON), JSON) == {
        "a": [0, 1],
        "b": 0.5,
        "c": [1, None],
    }


def test_an_array_of_objects_is_not_taken():
    hostile = msgpack.packb({"__array__": "|O", "shape": [1], "data": b"12345678"})

    with pytest.raises(FormError, match="only numbers are taken"):
        decoded(hostile, MSGPACK)


@pytest.mark.parametrize(
    ("content", "form"), [(b"{", JSON), (b"\xc1", MSGPACK), (b"[" * 100000, JSON), (b"\x81\x01", MSGPACK), (b"\xff\xfe", JSON)]
)
def test_nonsense_is_refused(content, form):
    with pytest.raises(FormError, match="expected application/"):
        decoded(content, form)


@pytest.mark.parametrize("shape", [[3], [-1, 7], "x"])
def test_an_array_of_another_size_is_refused(shape):
    with pytest.raises(FormError):
        decoded(msgpack.packb({"__array__": "<f8", "shape": shape, "data": b"12345678"}), MSGPACK)


@pytest.mark.parametrize("form", [JSON, MSGPACK])
def test_what_cannot_be_sent_is_named(form):
    with pytest.raises(FormError, match="the answer cannot be sent"):
        encoded({"x": object()}, form)
