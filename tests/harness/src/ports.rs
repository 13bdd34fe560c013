//! Free TCP ports on the loopback address.
//!
//! A port that the system hands out for port 0 lies in the range that it also takes the source ports of outgoing
//! connections from. For a broker that is killed and started again on its port that is a trap: while it is down, a client
//! that keeps trying can be given the very port as its own source port, is then connected to itself, and the broker cannot
//! bind. So ports are taken below that range, from a random start, and tried by binding.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::net::TcpListener;

use anyhow::{Context, Result, ensure};

const LOWEST: u16 = 15_000;

/// The start of the ephemeral range where `/proc` does not tell it.
const USUAL_EPHEMERAL_START: u16 = 32_768;

/// `N` free ports, all different.
pub fn free<const N: usize>() -> Result<[u16; N]> {
    several(N)?.try_into().ok().context("another number of ports")
}

/// `count` free ports, all different.
pub fn several(count: usize) -> Result<Vec<u16>> {
    let end = ephemeral_start();
    let span = usize::from(end - LOWEST);
    let start = usize::try_from(RandomState::new().build_hasher().finish() % 1_000_000)? % span;
    // The listeners are held until all ports are found, so that no port is found twice.
    let mut held = Vec::with_capacity(count);
    for step in 0..span {
        if held.len() == count {
            break;
        }
        let port = LOWEST + u16::try_from((start + step) % span)?;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((listener, port));
        }
    }
    ensure!(held.len() == count, "no {count} free ports between {LOWEST} and {end}");
    Ok(held.iter().map(|(_, port)| *port).collect())
}

fn ephemeral_start() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .filter(|start| *start > LOWEST + 1_000)
        .unwrap_or(USUAL_EPHEMERAL_START)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn free_ports_are_all_different_and_below_the_ephemeral_range() {
        let ports: [u16; 8] = free().unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
        assert!(ports.iter().all(|port| *port >= LOWEST && *port < ephemeral_start()));
    }
}
