//! TCP ports on loopback that stay ours while a server is down.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

/// Ports below those that Linux gives to outgoing connections: one of those might take a server's
/// port between our look and the server's start, or while an outage is being tested.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// A port that no other test takes while this value lives, whether or not anything listens there.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes a free port.
    pub fn take() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let user = env::var("USER").unwrap_or_default();
        let folder = env::temp_dir().join(format!("tagger-ports-{user}"));
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        // Processes that start together must not all try the same ports in the same order.
        let start = std::process::id().wrapping_mul(61);
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = u16::try_from(FIRST + start.wrapping_add(step) % COUNT)?;
            let path = folder.join(number.to_string());
            let lock = File::create(&path).with_context(|| format!("create {}", path.display()))?;
            // Asked by a connection: a listener of ours would live on for a moment in a process that is started just now.
            if lock.try_lock().is_ok() && TcpStream::connect((Ipv4Addr::LOCALHOST, number)).is_err() {
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("no port from {FIRST} to {} is free", FIRST + COUNT)
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }
}
