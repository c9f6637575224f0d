use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Says what an address is for, so that it can be judged before a connection is made to it.
///
/// Ordered from the harmless to the refused: of several that an address could mean, the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressKind {
    /// Anything that the internet routes.
    Public,
    /// 10/8, 172.16/12, 192.168/16, fc00::/7, fec0::/10 and ranges that clusters use inside (198.18/15, 240/4).
    Private,
    /// 100.64/10, shared between a carrier and its customers, which clusters use inside too.
    Shared,
    /// 127/8 and ::1.
    Loopback,
    /// 224/4 and ff00::/8.
    Multicast,
    /// 255.255.255.255.
    Broadcast,
    /// 0/8 and ::, which systems take for themselves.
    Unspecified,
    /// 169.254/16 and fe80::/10, where most clouds have their metadata service.
    LinkLocal,
    /// A cloud's metadata service at any other address.
    Metadata,
}

/// What may be done with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Connect,
    /// Only when the administrator allows this registry to be on a private network.
    ConnectIfPrivateAllowed,
    Never,
}

impl AddressKind {
    /// Whether an administrator can allow a registry to be there.
    pub fn may_be_allowed(self) -> bool {
        self.verdict() == Verdict::ConnectIfPrivateAllowed
    }

    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Public => Verdict::Connect,
            Self::Private | Self::Shared | Self::Loopback => Verdict::ConnectIfPrivateAllowed,
            Self::Multicast | Self::Broadcast | Self::Unspecified | Self::LinkLocal | Self::Metadata => {
                Verdict::Never
            }
        }
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Shared => "shared (100.64.0.0/10)",
            Self::Loopback => "loopback",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Unspecified => "unspecified",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
        })
    }
}

/// Says what kind of address this is, looking through the forms that carry an IPv4 address in an IPv6 one.
pub(crate) fn judge(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(address) => judge_v4(address),
        IpAddr::V6(address) => {
            let carried = carried_v4(address).into_iter().flatten().map(judge_v4).max();
            carried.map_or(judge_v6(address), |carried| carried.max(judge_v6(address)))
        }
    }
}

fn judge_v4(address: Ipv4Addr) -> AddressKind {
    match address.octets() {
        // Oracle, Azure's wire server, Alibaba.
        [192, 0, 0, 192] | [168, 63, 129, 16] | [100, 100, 100, 200] => AddressKind::Metadata,
        [0, ..] => AddressKind::Unspecified,
        [127, ..] => AddressKind::Loopback,
        [169, 254, ..] => AddressKind::LinkLocal,
        [100, second, ..] if second & 0xc0 == 64 => AddressKind::Shared,
        [255, 255, 255, 255] => AddressKind::Broadcast,
        [224..=239, ..] => AddressKind::Multicast,
        [10, ..] | [192, 168, ..] | [198, 18 | 19, ..] | [240..=255, ..] => AddressKind::Private,
        [172, second, ..] if second & 0xf0 == 16 => AddressKind::Private,
        _ => AddressKind::Public,
    }
}

fn judge_v6(address: Ipv6Addr) -> AddressKind {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressKind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressKind::Loopback,
        // Amazon, Google.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => AddressKind::Metadata,
        [first, ..] if first & 0xffc0 == 0xfe80 => AddressKind::LinkLocal,
        [first, ..] if first & 0xffc0 == 0xfec0 || first & 0xfe00 == 0xfc00 => AddressKind::Private,
        [first, ..] if first & 0xff00 == 0xff00 => AddressKind::Multicast,
        _ => AddressKind::Public,
    }
}

/// The IPv4 addresses that an IPv6 address may end up at.
fn carried_v4(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let s = address.segments();
    let at = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match s {
        // ::1 and :: are themselves; the rest of ::/96 is the old "compatible" form.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => [at(high, low), None],
        // SIIT.
        [0, 0, 0, 0, 0xffff, 0, high, low] => [at(high, low), None],
        // NAT64, the well-known prefix.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [at(high, low), None],
        // NAT64, the local prefix: used as a /96, or as the /48 that it is (RFC 6052, 2.2, with octet 8 left out).
        [0x64, 0xff9b, 1, first, second, third, high, low] => {
            let read = [at(high, low), at(first, (second << 8) | (third >> 8))];
            // The reading that finds nothing is the wrong one, unless both do.
            match read {
                [Some(Ipv4Addr::UNSPECIFIED), Some(other)] | [Some(other), Some(Ipv4Addr::UNSPECIFIED)] => {
                    [Some(other), None]
                }
                both => both,
            }
        }
        // 6to4.
        [0x2002, high, low, ..] => [at(high, low), None],
        // Teredo: the client's address, inverted, and its server's.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            [at(!high, !low), at(server_high, server_low)]
        }
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("93.184.216.34", AddressKind::Public)]
    #[case("2606:4700::6810:84e5", AddressKind::Public)]
    #[case("127.0.0.1", AddressKind::Loopback)]
    #[case("127.255.255.254", AddressKind::Loopback)]
    #[case("::1", AddressKind::Loopback)]
    #[case("10.0.0.1", AddressKind::Private)]
    #[case("172.15.255.255", AddressKind::Public)]
    #[case("172.16.0.1", AddressKind::Private)]
    #[case("172.31.255.255", AddressKind::Private)]
    #[case("172.32.0.1", AddressKind::Public)]
    #[case("192.168.1.1", AddressKind::Private)]
    #[case("240.0.0.1", AddressKind::Private)]
    #[case("100.63.255.255", AddressKind::Public)]
    #[case("100.64.0.1", AddressKind::Shared)]
    #[case("100.127.255.255", AddressKind::Shared)]
    #[case("100.128.0.1", AddressKind::Public)]
    #[case("fd12:3456::1", AddressKind::Private)]
    #[case("fec0::1", AddressKind::Private)]
    #[case("169.254.169.254", AddressKind::LinkLocal)]
    #[case("169.254.0.1", AddressKind::LinkLocal)]
    #[case("fe80::1", AddressKind::LinkLocal)]
    #[case("febf::1", AddressKind::LinkLocal)]
    #[case("fd00:ec2::254", AddressKind::Metadata)]
    #[case("fd20:ce::254", AddressKind::Metadata)]
    #[case("100.100.100.200", AddressKind::Metadata)]
    #[case("168.63.129.16", AddressKind::Metadata)]
    #[case("192.0.0.192", AddressKind::Metadata)]
    #[case("0.0.0.0", AddressKind::Unspecified)]
    #[case("0.1.2.3", AddressKind::Unspecified)]
    #[case("::", AddressKind::Unspecified)]
    #[case("224.0.0.1", AddressKind::Multicast)]
    #[case("ff02::1", AddressKind::Multicast)]
    #[case("255.255.255.255", AddressKind::Broadcast)]
    #[case("::ffff:127.0.0.1", AddressKind::Loopback)]
    #[case("::ffff:169.254.169.254", AddressKind::LinkLocal)]
    #[case("::169.254.169.254", AddressKind::LinkLocal)]
    #[case("::ffff:0:10.0.0.1", AddressKind::Private)]
    #[case("64:ff9b::169.254.169.254", AddressKind::LinkLocal)]
    #[case("64:ff9b::8.8.8.8", AddressKind::Public)]
    #[case("64:ff9b:1::10.1.2.3", AddressKind::Private)]
    #[case("64:ff9b:1::", AddressKind::Unspecified)]
    #[case("64:ff9b:1:a9fe:a9:fe00::", AddressKind::LinkLocal)]
    #[case("64:ff9b:1:808:8:800::", AddressKind::Public)]
    #[case("2002:7f00:1::1", AddressKind::Loopback)]
    #[case("2002:a9fe:a9fe::1", AddressKind::LinkLocal)]
    #[case("2001:0:808:808:0:0:5601:5601", AddressKind::LinkLocal)]
    fn an_address_is_known_for_what_it_is(#[case] address: &str, #[case] kind: AddressKind) {
        assert_eq!(judge(address.parse().unwrap()), kind, "{address}");
    }

    #[rstest]
    #[case(AddressKind::Public, Verdict::Connect)]
    #[case(AddressKind::Loopback, Verdict::ConnectIfPrivateAllowed)]
    #[case(AddressKind::Private, Verdict::ConnectIfPrivateAllowed)]
    #[case(AddressKind::Shared, Verdict::ConnectIfPrivateAllowed)]
    #[case(AddressKind::LinkLocal, Verdict::Never)]
    #[case(AddressKind::Metadata, Verdict::Never)]
    #[case(AddressKind::Unspecified, Verdict::Never)]
    #[case(AddressKind::Multicast, Verdict::Never)]
    #[case(AddressKind::Broadcast, Verdict::Never)]
    fn what_could_be_a_metadata_service_is_never_asked(#[case] kind: AddressKind, #[case] verdict: Verdict) {
        assert_eq!(kind.verdict(), verdict);
    }
}
