"""The peripherals, register by register."""

import pytest

from esd_localsite.spinnaker.devices.comms import Comms, Kind, Packet
from esd_localsite.spinnaker.devices.dma import Dma
from esd_localsite.spinnaker.devices.router import Router
from esd_localsite.spinnaker.devices.sysctl import SystemController
from esd_localsite.spinnaker.devices.timer import NEVER, Timers
from esd_localsite.spinnaker.devices.vic import Vic
from esd_localsite.spinnaker.layout import Interrupt
from esd_localsite.spinnaker.unknown import NotEmulatedError

LOAD, COUNT, CONTROL, CLEAR, RAW, MASKED, BACKGROUND = range(0, 0x1C, 4)
PERIODIC, FREE, ONCE = 0xE2, 0x82, 0x83


def test_a_periodic_timer_comes_again_and_again():
    timers = Timers()
    timers.write(LOAD, 1000, 0)
    timers.write(CONTROL, PERIODIC, 0)
    assert timers.due() == 1000
    assert timers.read(COUNT, 400) == 600
    timers.advance(1000)
    assert timers.lines() == 1 << Interrupt.TIMER1
    timers.write(CLEAR, 1, 1010)
    assert timers.lines() == 0
    assert timers.due() == 2000


def test_a_background_load_counts_from_the_next_period():
    timers = Timers()
    timers.write(LOAD, 1000, 0)
    timers.write(CONTROL, PERIODIC, 0)
    timers.write(BACKGROUND, 500, 300)
    assert timers.read(COUNT, 400) == 600
    timers.advance(1000)
    assert timers.due() == 1500


def test_a_free_timer_measures_and_interrupts_nobody():
    timers = Timers()
    timers.write(0x20 + LOAD, 0, 0)
    timers.write(0x20 + CONTROL, FREE, 0)
    timers.advance(1)
    assert timers.read(0x20 + COUNT, 101) == 0xFFFFFFFF - 100
    assert timers.lines() == 0
    assert timers.due() == NEVER


def test_a_one_shot_timer_stops():
    timers = Timers()
    timers.write(LOAD, 10, 0)
    timers.write(CONTROL, ONCE | 0x20, 0)
    timers.advance(100)
    assert timers.lines()
    assert timers.due() == NEVER


def test_the_interrupt_controller_serves_the_most_urgent_first():
    vic = Vic()
    for slot, number in ((2, Interrupt.TIMER1), (5, Interrupt.MULTICAST)):
        vic.write(0x100 + 4 * slot, 0x1000 + slot)
        vic.write(0x200 + 4 * slot, 0x20 | number)
        vic.write(0x10, 1 << number)
    vic.inputs = 1 << Interrupt.MULTICAST
    assert vic.read(0x30) == 0x1005
    assert not vic.irq(), "the one in service does not interrupt itself"
    vic.inputs |= 1 << Interrupt.TIMER1
    assert vic.irq(), "a more urgent one does"
    assert vic.read(0x30) == 0x1002
    vic.inputs = 1 << Interrupt.MULTICAST
    vic.write(0x30, 0)
    assert not vic.irq()
    vic.inputs = 0
    vic.write(0x30, 0)
    vic.inputs = 1 << Interrupt.MULTICAST
    assert vic.irq()


def test_selected_inputs_are_fast_interrupts():
    vic = Vic(inputs=1 << Interrupt.MULTICAST)
    vic.write(0x0C, 1 << Interrupt.MULTICAST)
    assert not vic.fiq()
    vic.write(0x10, 1 << Interrupt.MULTICAST)
    assert vic.fiq()
    assert not vic.irq()
    vic.write(0x14, 1 << Interrupt.MULTICAST)
    assert not vic.fiq()


def test_software_interrupts():
    vic = Vic()
    vic.write(0x10, 2)
    vic.write(0x18, 2)
    assert vic.irq()
    vic.write(0x1C, 2)
    assert not vic.irq()


def test_dma_copies_when_it_ends_and_keeps_one_waiting():
    copies = []
    dma = Dma(3, lambda *copy: copies.append(copy))
    dma.write(0x18, 0xC00, 0)
    for system in (0x60000000, 0x60001000):
        dma.write(0x04, system, 0)
        dma.write(0x08, 0x400000, 0)
        dma.write(0x0C, 1 << 19 | 400, 0)
    assert dma.read(0x14, 0) == 3 << 24 | 4 | 1, "core, full, busy"
    with pytest.raises(NotEmulatedError, match="third"):
        dma.write(0x0C, 4, 0)
    assert copies == []
    dma.advance(240)
    assert copies == [(0x60000000, 0x400000, 400, True)]
    assert dma.lines() == 1 << Interrupt.DMA_DONE
    dma.advance(480)
    dma.write(0x10, 8, 480)
    dma.write(0x10, 8, 480)
    assert dma.lines() == 0
    assert len(copies) == 2
    assert dma.due() == NEVER


def test_an_aborted_transfer_copies_nothing():
    dma = Dma(1, lambda *_: pytest.fail("copied"))
    dma.write(0x0C, 400, 0)
    dma.write(0x10, 0x3F, 10)
    dma.advance(10_000)
    assert dma.read(0x14, 10_000) == 1 << 24


def test_packets_leave_and_arrive_in_order():
    sent = []
    comms = Comms(sent.append)
    comms.write(0x00, 0)
    comms.write(0x08, 0x1234)
    comms.write(0x00, 0x00020000)
    comms.write(0x04, 7)
    comms.write(0x08, 0x5678)
    assert sent == [Packet(0, 0x1234), Packet(0x20000, 0x5678, 7)]
    for packet in sent:
        comms.deliver(packet)
    assert comms.lines() >> Interrupt.MULTICAST & 1
    assert comms.read(0x14) == 0x1234
    assert comms.read(0x0C) & 0x20000
    assert (comms.read(0x10), comms.read(0x14)) == (7, 0x5678)
    assert not comms.lines() >> Interrupt.MULTICAST & 1
    assert comms.most == 2


def test_a_written_payload_goes_along_without_its_bit_and_only_once():
    """sPyNNaker's Poisson sources tell so how many spikes of one source fall into a tick; without it, rates of sources are too low."""
    sent = []
    comms = Comms(sent.append)
    comms.write(0x00, 0)
    comms.write(0x04, 3)
    comms.write(0x08, 0x1234)
    comms.write(0x08, 0x5678)
    assert sent == [Packet(0x20000, 0x1234, 3), Packet(0, 0x5678)]


def test_the_transmitter_is_never_full():
    assert Comms(print).read(0) & (1 << 31 | 1 << 28) == 1 << 31 | 1 << 28


def test_locks_are_taken_once():
    system = SystemController()
    assert system.read(0x100) == 0
    assert system.read(0x100) == 1 << 31
    system.read(0x180)
    assert system.read(0x100) == 0


def test_interrupts_between_cores_need_the_code():
    system = SystemController()
    system.write(0x08, 0x5EC00006)
    assert system.irq == 6
    system.write(0x0C, 0x5EC00002)
    assert system.irq == 4
    with pytest.raises(NotEmulatedError, match="0x6"):
        system.write(0x08, 6)


def test_the_first_entry_that_fits_routes():
    router = Router()
    router.set_entry(1, 0x100, 0xFFFFFF00, 1 << 0 | 1 << (6 + 4))
    router.set_entry(2, 0x100, 0xFFFF0000, 1 << 2)
    passage = router.passage(Packet(0, 0x1AB), None)
    assert (passage.links, passage.cores) == ((0,), (4,))
    router.clear(1, 1)
    assert router.passage(Packet(0, 0x1AB), None).links == ()


def test_default_routing_goes_straight_ahead_but_not_from_a_core():
    router = Router()
    assert router.passage(Packet(0, 1), 3).links == (0,)
    assert router.passage(Packet(0, 1), None).dropped


def test_counters_count_by_their_filters():
    router = Router()
    router.set_entry(1, 5, 0xFFFFFFFF, 1 << (6 + 2))
    router.passage(Packet(0, 5), None)
    router.passage(Packet(0, 5), 1)
    router.passage(Packet(0, 6), None)
    counted = [router.read(0x300 + 4 * number) for number in range(12)]
    assert counted == [1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], "local, from outside, dropped"
    router.write(0x2C, 0xFFFFFFFF)
    assert router.read(0x300) == 0


def test_other_packets_are_named():
    with pytest.raises(NotEmulatedError, match="nearest neighbour"):
        Router().passage(Packet(Kind.NEAREST_NEIGHBOUR << 22, 1), None)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: Timers().read(0x1C, 0), "0x1c"),
        (lambda: Timers().write(RAW, 1, 0), "RAW_INT"),
        (lambda: Vic().read(0x24), "0x24"),
        (lambda: Dma(1, print).write(0x24, 1, 0), "TMTV"),
        (lambda: Comms(print).read(0x1C), "TEST"),
        (lambda: SystemController().read(0x50), "0x50"),
        (lambda: Router().read(0xF00), "0xf00"),
    ],
)
def test_unknown_registers_are_named(call, name):
    with pytest.raises(NotEmulatedError, match=name):
        call()
