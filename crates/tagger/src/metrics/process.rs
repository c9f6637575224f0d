//! What the process takes up, under the names that all of Prometheus' clients give it.

use std::fmt;

use procfs::process::{LimitValue, Process as Entry};
use procfs::{ProcResult, WithCurrentSystemInfo};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Tells what the process takes up at the moment.
#[derive(Debug)]
pub(super) struct Process;

struct Usage {
    processor: f64,
    resident: u64,
    virtual_size: u64,
    started: f64,
    threads: i64,
    open: u64,
    most_open: Option<u64>,
}

impl Usage {
    fn read() -> ProcResult<Self> {
        let entry = Entry::myself()?;
        let stat = entry.stat()?;
        let ticks = procfs::ticks_per_second() as f64;
        let most_open = match entry.limits()?.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(most),
            LimitValue::Unlimited => None,
        };
        Ok(Self {
            processor: (stat.utime + stat.stime) as f64 / ticks,
            resident: stat.rss_bytes().get(),
            virtual_size: stat.vsize,
            started: procfs::boot_time_secs()? as f64 + stat.starttime as f64 / ticks,
            threads: stat.num_threads,
            open: entry.fd_count()? as u64,
            most_open,
        })
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Where the kernel tells nothing, nothing is told.
        let Ok(usage) = Usage::read() else { return Ok(()) };
        let mut counter = |name: &str, help: &str, unit: &Unit, value: f64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, Some(unit), counter.metric_type())?)
        };
        counter(
            "process_cpu",
            "Processor time that the process used, of users and of the system.",
            &Unit::Seconds,
            usage.processor,
        )?;
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
        };
        let bytes = Some(&Unit::Bytes);
        gauge("process_resident_memory", "Memory that the process holds.", bytes, usage.resident as f64)?;
        gauge("process_virtual_memory", "Addresses that the process has.", bytes, usage.virtual_size as f64)?;
        gauge(
            "process_start_time",
            "When the process began, in seconds since 1970.",
            Some(&Unit::Seconds),
            usage.started,
        )?;
        gauge("process_threads", "Threads of the process.", None, usage.threads as f64)?;
        gauge("process_open_fds", "File descriptors that the process has open.", None, usage.open as f64)?;
        match usage.most_open {
            Some(most) => gauge(
                "process_max_fds",
                "File descriptors that the process may have open.",
                None,
                most as f64,
            ),
            None => Ok(()),
        }
    }
}
