use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems hand out by themselves (to outgoing connections, to published ports of containers) and
/// below those of Kubernetes nodes. A port that the system chose is free only briefly: the next bind or connect may get the
/// same port before a slowly starting service listens there.
const PORTS: Range<u16> = 20_000..30_000;

/// The number of ports handed out.
static ASKED: AtomicU16 = AtomicU16::new(0);

/// A local port that is free now. A program gets no port twice before it has got all of them.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn free_port() -> u16 {
    // Concurrent programs start far from each other.
    let first = process::id().wrapping_mul(997);
    let port = PORTS.map(|_| nth(first, ASKED.fetch_add(1, Ordering::Relaxed))).find(|&port| is_free(port));
    port.expect("a free port")
}

fn nth(first: u32, asked: u16) -> u16 {
    let count = u32::from(PORTS.end - PORTS.start);
    let offset = (first % count + u32::from(asked)) % count;
    PORTS.start + u16::try_from(offset).expect("fewer than 65,536")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;

    use super::{PORTS, free_port};

    #[test]
    fn no_port_is_returned_twice_or_while_in_use() {
        let listener = TcpListener::bind(("127.0.0.1", free_port() + 1)).expect("the next one is free too");
        let taken = listener.local_addr().expect("its address").port();
        let given: Vec<_> = (0..1_000).map(|_| free_port()).collect();
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len());
        assert!(given.iter().all(|port| PORTS.contains(port) && *port != taken));
    }
}
