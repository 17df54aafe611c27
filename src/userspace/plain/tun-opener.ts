/**
 * Attaching to a TUN device without system calls of our own: Perl, which every Debian has, does it
 * and then becomes the Node program that was to be started, with the descriptor left open.
 */
import {
  IFF_NO_PI,
  IFF_TUN,
  IFF_VNET_HDR,
  TCP_OFFLOADS,
  TUN_NODE,
  TUNSETIFF,
  TUNSETOFFLOAD,
  TUNSETPERSIST,
  UDP_OFFLOADS,
} from "../../native/tun.ts";

/**
 * The program gets two more arguments: the number of the descriptor, and the offloads that the
 * kernel agreed to, 0 for none. What goes wrong is said on stderr.
 */
const PERL = `
use strict;
$^F = 255;
my ($path, $name, $setiff, $flags, $virtio, $setoffload, $offloads, $setpersist, @program) = @ARGV;
my ($tun, $accepted) = (undef, 0);
sub attach {
  sysopen($tun, $path, 2) or die "$path: $!\\n";
  return ioctl($tun, $setiff + 0, pack("a16 S x22", $name, $_[0]));
}
if ($offloads ne "" && attach($flags + $virtio)) {
  for my $try (split /,/, $offloads) {
    if (ioctl($tun, $setoffload + 0, $try + 0)) { $accepted = $try; last }
  }
}
if (!$accepted) {
  close($tun) if $tun;
  attach($flags + 0) or die "TUNSETIFF $name: $!\\n";
}
ioctl($tun, $setpersist + 0, 1) or die "TUNSETPERSIST: $!\\n";
exec { $program[0] } @program, fileno($tun), $accepted or die "$program[0]: $!\\n";
`;

/** Processors on which the kernel's header for ioctl numbers has the bits of a direction elsewhere. */
const OTHER_IOCTLS: readonly string[] = ["mips", "mipsel", "ppc", "ppc64"];

function ioctlNumber(write: number): string {
  const direction = OTHER_IOCTLS.includes(process.arch) ? 0x80000000 : 0x40000000;
  return String(direction + (write & 0x3fffffff));
}

/** The command that attaches to the device and becomes `program`. */
export function openerCommand(
  device: string,
  wantOffloads: boolean,
  program: readonly string[],
): readonly [string, ...string[]] {
  const tries = wantOffloads ? `${TCP_OFFLOADS | UDP_OFFLOADS},${TCP_OFFLOADS}` : "";
  return [
    ...(["perl", "-e", PERL, "--"] as const),
    ...[TUN_NODE, device, ioctlNumber(TUNSETIFF), String(IFF_TUN | IFF_NO_PI)],
    ...[String(IFF_VNET_HDR), ioctlNumber(TUNSETOFFLOAD), tries, ioctlNumber(TUNSETPERSIST)],
    ...program,
  ];
}
