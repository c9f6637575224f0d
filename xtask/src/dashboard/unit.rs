//! How a value is written.

/// What a panel's values are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    Seconds,
    Bytes,
    BytesPerSecond,
    PerSecond(&'static str),
}

impl Unit {
    /// The unit that Grafana calls so.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "s" => Self::Seconds,
            "bytes" => Self::Bytes,
            "Bps" => Self::BytesPerSecond,
            "reqps" => Self::PerSecond("req/s"),
            "ops" => Self::PerSecond("ops/s"),
            _ => Self::Count,
        }
    }

    /// A value in words for a person.
    pub(super) fn write(self, value: f64) -> String {
        match self {
            Self::Count => number(value),
            Self::Seconds => seconds(value),
            Self::Bytes => scaled(value, &["B", "KiB", "MiB", "GiB", "TiB"]),
            Self::BytesPerSecond => format!("{}/s", scaled(value, &["B", "KiB", "MiB", "GiB", "TiB"])),
            Self::PerSecond(what) => format!("{} {what}", number(value)),
        }
    }
}

fn number(value: f64) -> String {
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn seconds(value: f64) -> String {
    let (scale, unit) = match value.abs() {
        0.0 => (1.0, "s"),
        small if small < 0.001 => (0.000_001, "µs"),
        small if small < 1.0 => (0.001, "ms"),
        middle if middle < 120.0 => (1.0, "s"),
        long if long < 7200.0 => (60.0, "min"),
        longer if longer < 2.0 * 86_400.0 => (3600.0, "h"),
        _ => (86_400.0, "days"),
    };
    let scaled = value / scale;
    let text = if scaled.abs() >= 10.0 { format!("{scaled:.0}") } else { number(scaled) };
    format!("{text} {unit}")
}

fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let text = if value.abs() >= 10.0 { format!("{value:.0}") } else { number(value) };
    format!("{text} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_in_a_unit_of_its_size() {
        let cases = [
            (Unit::Count, 3.0, "3"),
            (Unit::Count, 0.25, "0.25"),
            (Unit::Seconds, 0.000_42, "420 µs"),
            (Unit::Seconds, 5_184_000.0, "60 days"),
            (Unit::Bytes, 33_554_432.0, "32 MiB"),
            (Unit::BytesPerSecond, 0.0, "0 B/s"),
            (Unit::PerSecond("req/s"), 12.5, "12.5 req/s"),
        ];
        for (unit, value, text) in cases {
            assert_eq!(unit.write(value), text);
        }
    }
}
