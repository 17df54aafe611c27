"""Writes capture files of all kinds, made by scapy, and what is expected of them, into a folder.

expected.json: {file: [why the data path refuses each packet, or null]}. What the packets hold is
not in it: tshark says that.
"""

import json
import os
import random
import struct
import sys

from scapy.config import conf

conf.verb = 0
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_RR, IPOption_Timestamp, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
    RouterAlert,
    fragment6,
)
from scapy.layers.l2 import ARP, CookedLinux, Dot1AD, Dot1Q, Ether, GRE, Loopback
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw
from scapy.utils import PcapWriter

A4, B4 = "192.0.2.1", "192.0.2.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
POD_A, POD_B = "10.244.0.5", "10.244.1.7"
POD_A6, POD_B6 = "fd00:10:244::5", "fd00:10:244:1::7"
MAC_A, MAC_B = "66:00:00:00:00:01", "66:00:00:00:00:02"

rng = random.Random(20261129)
folder = sys.argv[1]
expected = {}
clock = 1790000000.0


def data(length):
    return Raw(bytes(rng.randrange(256) for _ in range(length)))


def outer(family=4, **fields):
    return IP(src=A4, dst=B4, **fields) if family == 4 else IPv6(src=A6, dst=B6, **fields)


def pod(family=4, **fields):
    return IP(src=POD_A, dst=POD_B, **fields) if family == 4 else IPv6(src=POD_A6, dst=POD_B6, **fields)


def ether():
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def frame():
    return Ether(src=MAC_A, dst=MAC_B)


def vxlan(inner, family=4, vni=4096, port=4789, **fields):
    udp = UDP(sport=40000, dport=port)
    return outer(family, **fields) / udp / VXLAN(flags=8, vni=vni) / inner


def change(packet, at, *values):
    """The bytes of a packet with some of them changed."""
    changed = bytearray(bytes(packet))
    changed[at : at + len(values)] = values
    return bytes(changed)


def times(count):
    """Times of packets; all fractions of a second that microseconds can hold."""
    global clock
    for _ in range(count):
        clock += rng.randrange(1, 3_000_000) / 1_000_000
        yield clock


def note(name, packets, refused):
    reasons = refused if isinstance(refused, list) else [refused] * len(packets)
    assert len(reasons) == len(packets), name
    expected[name] = reasons


def pcap(name, packets, refused=None, link=1, endian="<", nano=False, cut=None):
    """`link` is what the packets begin with; `cut` is the snapshot length."""
    note(name, packets, refused)
    with PcapWriter(os.path.join(folder, name), linktype=link, endianness=endian, nano=nano) as writer:
        writer.write_header(None)
        for packet, time in zip(packets, times(len(packets))):
            raw = bytes(packet)
            kept = raw if cut is None else raw[:cut]
            seconds = int(time)
            unit = 1_000_000_000 if nano else 1_000_000
            writer.write_packet(
                kept, sec=seconds, usec=int((time - seconds) * unit), caplen=len(kept), wirelen=len(raw)
            )


def pcapng(name, packets, refused=None, links=(1,), endian="<", resolution=None, simple=False):
    """`packets` are dealt to the interfaces in turn. Blocks that a reader has to skip are in it too."""
    note(name, packets, refused)

    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack(f"{endian}II", kind, len(body) + 12) + body + struct.pack(f"{endian}I", len(body) + 12)

    def option(code, value):
        return struct.pack(f"{endian}HH", code, len(value)) + value + b"\0" * (-len(value) % 4)

    end = option(0, b"")
    comment = option(1, b"written by a test")
    out = block(0x0A0D0D0A, struct.pack(f"{endian}IHHq", 0x1A2B3C4D, 1, 0, -1) + comment + end)
    for link in links:
        options = b"" if resolution is None else option(9, bytes([resolution])) + end
        out += block(1, struct.pack(f"{endian}HHI", link, 0, 0) + option(2, b"eth0") + (options or end))
    out += block(4, struct.pack(f"{endian}HH", 0, 0))  # names
    units = 1_000_000 if resolution is None else 2 ** (resolution & 127) if resolution & 128 else 10**resolution
    for index, (packet, time) in enumerate(zip(packets, times(len(packets)))):
        raw = bytes(packet)
        if simple:
            out += block(3, struct.pack(f"{endian}I", len(raw)) + raw)
            continue
        stamp = int(time * units)
        head = struct.pack(
            f"{endian}IIIII", index % len(links), stamp >> 32, stamp & 0xFFFFFFFF, len(raw), len(raw)
        )
        padded = raw + b"\0" * (-len(raw) % 4)
        out += block(6, head + padded + option(2, struct.pack(f"{endian}I", 1)) + end)
    out += block(5, struct.pack(f"{endian}III", 0, 0, 0))  # statistics
    with open(os.path.join(folder, name), "wb") as file:
        file.write(out)


def every_inner():
    """Inner packets of both families and the usual protocols."""
    return [
        pod() / ICMP(type=8, id=7, seq=1) / data(56),
        pod() / UDP(sport=5000, dport=53) / data(30),
        pod() / TCP(sport=5001, dport=80, flags="PA", seq=1000, ack=2000) / data(100),
        pod(6) / ICMPv6EchoRequest(id=7, seq=1, data=b"x" * 56),
        pod(6) / UDP(sport=5000, dport=53) / data(30),
        pod(6) / TCP(sport=5001, dport=80, flags="S", options=[("MSS", 1440), ("WScale", 7)]),
    ]


# Both encapsulations, both families outside and inside, by link type and file format.
pcap("plain.pcap", [ether() / packet for packet in every_inner()])
for over in (4, 6):
    packets = [ether() / vxlan(frame() / inner, over) for inner in every_inner()]
    pcap(f"vxlan-over-{over}.pcap", packets)
    packets = [ether() / outer(over) / inner for inner in every_inner()]
    pcap(f"ipip-over-{over}.pcap", packets)
pcap("vxlan-big-endian.pcap", [ether() / vxlan(frame() / inner) for inner in every_inner()], endian=">")
pcap("vxlan-nanoseconds.pcap", [ether() / vxlan(frame() / inner) for inner in every_inner()], nano=True)
pcap("ipip-big-endian-ns.pcap", [ether() / outer() / inner for inner in every_inner()], endian=">", nano=True)
pcap("raw-ip.pcap", [vxlan(frame() / inner, 6) for inner in every_inner()], link=101)
pcap("linktype-ipv4.pcap", [outer() / inner for inner in every_inner()], link=228)
pcap("linktype-ipv6.pcap", [outer(6) / inner for inner in every_inner()], link=229)


def cooked(packet):
    family = 0x0800 if isinstance(packet, IP) else 0x86DD
    return CookedLinux(pkttype=4, lladdrtype=1, lladdrlen=6, src=b"\x02\0\0\0\0\x01\0\0", proto=family) / packet


def cooked2(packet):
    family = 0x0800 if isinstance(packet, IP) else 0x86DD
    head = struct.pack(">HHIHBB8s", family, 0, 2, 1, 4, 6, b"\x02\0\0\0\0\x01\0\0")
    return head + bytes(packet)


pcap("cooked.pcap", [cooked(outer(over) / inner) for over in (4, 6) for inner in every_inner()], link=113)
pcap("cooked2.pcap", [cooked2(vxlan(frame() / inner, over)) for over in (4, 6) for inner in every_inner()], link=276)
pcap("null.pcap", [struct.pack("<I", 2) + bytes(outer() / inner) for inner in every_inner()], link=0)
pcap("null-big-endian.pcap", [struct.pack(">I", 30) + bytes(outer(6) / inner) for inner in every_inner()], link=0)
pcap("loop.pcap", [struct.pack(">I", 2) + bytes(vxlan(frame() / inner)) for inner in every_inner()], link=108)
pcapng("vxlan.pcapng", [ether() / vxlan(frame() / inner) for inner in every_inner()])
pcapng("ipip-big-endian.pcapng", [ether() / outer() / inner for inner in every_inner()], endian=">")
pcapng("nanoseconds.pcapng", [ether() / outer(6) / inner for inner in every_inner()], resolution=9)
pcapng("binary-fractions.pcapng", [ether() / outer(6) / inner for inner in every_inner()], resolution=0x94)
pcapng("simple-blocks.pcapng", [ether() / vxlan(frame() / inner, 6) for inner in every_inner()], simple=True)
mixed = [packet for inner in every_inner() for packet in (ether() / vxlan(frame() / inner), outer(6) / inner)]
pcapng("two-interfaces.pcapng", mixed, links=(1, 101))

# Sizes.
sizes = [0, 1, 2, 3, 7, 17, 18, 46, 47, 255, 256, 1272, 1400, 1472, 1473, 8972]
pcap("sizes-vxlan.pcap", [ether() / vxlan(frame() / pod() / UDP(sport=1, dport=2) / data(size)) for size in sizes])
pcap("sizes-ipip.pcap", [ether() / outer() / pod(6) / UDP(sport=1, dport=2) / data(size) for size in sizes])
pcap("jumbo.pcap", [ether() / outer() / pod() / UDP(sport=1, dport=2) / data(65_435)])
pcap("padded.pcap", [bytes(ether() / outer() / pod() / UDP(sport=1, dport=2) / data(4)) + b"\0" * 20])

# Fields.
fields = [
    ether() / vxlan(frame() / pod(tos=0xB8, ttl=1, flags="DF", id=77) / UDP() / data(8), tos=0xBA, ttl=9, flags="DF"),
    ether() / outer(tos=3, ttl=255, id=0xFFFF) / pod(tos=2, ttl=0) / UDP() / data(8),
    ether() / outer(6, tc=0xB9, hlim=1, fl=0xFFFFF) / pod(6, tc=1, fl=1) / UDP() / data(8),
]
pcap("fields.pcap", fields)
pcap(
    "congestion.pcap",
    [ether() / outer(tos=outside) / pod(tos=inside) / UDP() / data(4) for outside in range(4) for inside in range(4)],
    ["ecn-not-capable" if (outside, inside) == (3, 0) else None for outside in range(4) for inside in range(4)],
)
pcap("vnis.pcap", [ether() / vxlan(frame() / pod() / ICMP(), vni=vni) for vni in (1, 255, 256, 65536, 0xFFFFFF)])
pcap("ports.pcap", [ether() / vxlan(frame() / inner, port=port) for port in (8472, 9999) for inner in every_inner()])

# Options and extension headers.
options = [[IPOption_NOP()] * 4, [IPOption_RR(routers=["192.0.2.9"] * 3)], [IPOption_Timestamp()]]
pcap(
    "ipv4-options.pcap",
    [ether() / outer(options=these) / pod(options=those) / UDP() / data(9) for these in options for those in options],
)
chains = [
    IPv6ExtHdrHopByHop(options=[RouterAlert()]),
    IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 12)]),
    IPv6ExtHdrRouting(addresses=[B6]),
    IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]),
]
pcap(
    "ipv6-extensions.pcap",
    [ether() / outer(6) / chain / inner for chain in chains for inner in (pod() / UDP() / data(5), pod(6) / ICMPv6EchoRequest())]
    + [ether() / outer() / pod(6) / chain / UDP(sport=6, dport=7) / data(5) for chain in chains],
)

# Fragments: inner ones are whole packets to the tunnel, outer ones have to be put together first.
inner_pieces = fragment(pod(id=9) / UDP(sport=1, dport=2) / data(3000), 1400)
inner_pieces6 = fragment6(pod(6) / IPv6ExtHdrFragment(id=9) / UDP(sport=1, dport=2) / data(3000), 1400)
pcap("inner-fragments.pcap", [ether() / vxlan(frame() / piece) for piece in inner_pieces + inner_pieces6])
pcap("inner-fragments-ipip.pcap", [ether() / outer() / piece for piece in inner_pieces + inner_pieces6])
outer_pieces = fragment(vxlan(frame() / pod() / UDP() / data(2000), id=10), 1400)
pcap("outer-fragments.pcap", [ether() / piece for piece in outer_pieces], ["outer-fragment", None])
outer_pieces = fragment(outer(id=11) / pod() / UDP() / data(2000), 1400)
pcap("outer-fragments-ipip.pcap", [ether() / piece for piece in outer_pieces], ["outer-fragment", None])

# VLAN tags.
pcap("vlan.pcap", [ether() / Dot1Q(vlan=100) / vxlan(frame() / inner) for inner in every_inner()])
pcap("vlan-in-vlan.pcap", [ether() / Dot1AD(vlan=7) / Dot1Q(vlan=8) / outer() / inner for inner in every_inner()])
pcap("vlan-inside.pcap", [ether() / vxlan(frame() / Dot1Q(vlan=5) / pod() / ICMP())], "inner-not-ip")

# Tunnels in tunnels.
pcap(
    "nested.pcap",
    [
        ether() / vxlan(frame() / outer() / pod() / UDP() / data(4)),
        ether() / outer() / outer(6) / pod() / ICMP(),
        ether() / outer(6) / vxlan(frame() / pod(6) / UDP() / data(4)),
        ether() / vxlan(frame() / vxlan(frame() / pod() / TCP(), vni=7), 6, vni=8),
        ether() / vxlan(frame() / vxlan(frame() / outer(6) / outer() / pod() / ICMP(), vni=7), vni=8),
    ],
)

# Not for us.
pcap("other.pcap", [ether() / ARP(psrc=A4, pdst=B4), ether() / outer() / GRE() / pod() / ICMP(), ether() / Raw(b"\0" * 50)])
pcap(
    "answers.pcap",
    [
        ether() / IP(src="192.0.2.254", dst=A4) / ICMP(type=3, code=4, nexthopmtu=1400) / vxlan(frame() / pod() / UDP()),
        ether() / IPv6(src="2001:db8::254", dst=A6) / ICMPv6PacketTooBig(mtu=1280) / outer(6) / pod() / UDP(),
    ],
)

# Cut short by a snapshot length: no fault of theirs.
for cut in (20, 34, 50, 64, 96, 110):
    pcap(f"cut-at-{cut}.pcap", [ether() / vxlan(frame() / inner, over) for over in (4, 6) for inner in every_inner()], cut=cut)
pcap("cut-ipip.pcap", [ether() / outer() / inner for inner in every_inner()], cut=60)

# Malformed.
whole = ether() / vxlan(frame() / pod() / UDP(sport=1, dport=2) / data(40))
whole.getlayer(UDP).chksum = 0
whole = Ether(bytes(whole))
ipip = ether() / outer() / pod() / UDP(sport=1, dport=2) / data(40)
bad = [
    (change(whole, 42, 0), "missing-vni"),
    (change(whole, 42, 0x88), "vxlan-reserved-bits"),
    (change(whole, 49, 1), "vxlan-reserved-bits"),
    (change(whole, 56, 1), "inner-source-mac"),
    (change(whole, 56, 0, 0, 0, 0, 0, 0), "inner-source-mac"),
    (change(whole, 62, 8, 6), "inner-not-ip"),
    (change(whole, 62, 0x86, 0xDD), "inner-not-ip"),
    (change(whole, 72, 0), "bad-header-checksum"),
    (change(whole, 24, 0), "bad-header-checksum"),
    (change(whole, 40, 0x12, 0x34), "bad-udp-checksum"),
    (change(whole, 38, 0, 7), "bad-udp-length"),
    (change(whole, 38, 9, 9), "bad-udp-length"),
    (bytes(ether() / outer() / UDP(sport=1, dport=4789, chksum=0) / (b"\x08" + b"\0" * 6)), "truncated"),
    (bytes(ether() / outer() / UDP(sport=1, dport=4789, chksum=0) / (b"\x08" + b"\0" * 12)), "truncated"),
    (change(ipip, 34, 0x55), "not-ip"),
    (change(ipip, 34, 0x44), "bad-header-length"),
    (change(ipip, 36, 0xFF, 0xFF), "bad-total-length"),
    (change(ipip, 36, 0, 19), "bad-total-length"),
    (change(ipip, 44, 1), "bad-header-checksum"),
    (bytes(ether() / outer(proto=4) / (b"\x45" + b"\0" * 10)), "truncated"),
    (bytes(ether() / outer(proto=4) / bytes(pod(6) / UDP())), "inner-not-ip"),
    (bytes(ether() / outer(6, nh=41) / bytes(pod(6) / UDP())[:39]), "truncated"),
    (bytes(ether() / outer() / UDP(sport=1, dport=2))[:-3], "bad-total-length"),
]
pcap("malformed.pcap", [packet for packet, _ in bad], [reason for _, reason in bad])

with open(os.path.join(folder, "expected.json"), "w") as file:
    json.dump(expected, file)
