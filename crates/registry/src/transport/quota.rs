//! What registries say about how much may still be asked: pure, with time as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use tokio::time::Instant;

/// What is left of an account's limit, as its registry told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    limit: Option<u64>,
    remaining: u64,
    /// Until it is whole again.
    reset: Option<Duration>,
    /// The time for which the limit is; it may well be one that slides along.
    window: Option<Duration>,
}

/// Below one part in so many, what is left is spared.
const SHARE: u64 = 4;
/// For how long something is left where the registry does not say.
const UNTOLD: Duration = Duration::from_secs(60);
/// Nothing that a registry says holds for longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Nobody is kept from looking again for longer.
const LONGEST_SPACE: Duration = Duration::from_secs(60 * 60);
/// A number of seconds from here on is a date.
const A_DATE: u64 = 1_000_000_000;

/// The names under which the three numbers go about: of drafts of the IETF, which Docker Hub uses, and from before.
const PREFIXES: [&str; 3] = ["ratelimit", "x-ratelimit", "x-rate-limit"];

impl Quota {
    /// Reads it from the headers of an answer; none where they don't tell what is left.
    pub(super) fn read(headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let quota = combined(header("ratelimit"), header("ratelimit-policy")).or_else(|| {
            PREFIXES.iter().find_map(|prefix| {
                let field = |name: &str| header(&format!("{prefix}-{name}"));
                let (limit, remaining) = (field("limit"), field("remaining")?);
                Some(Self {
                    limit: limit.and_then(first_number),
                    remaining: first_number(remaining)?,
                    reset: field("reset").and_then(first_number).map(|reset| until(reset, now)),
                    window: [limit, Some(remaining)].into_iter().flatten().find_map(|field| span(field, "w")),
                })
            })
        })?;
        // A limit of nought is how some say that there is none.
        (quota.limit != Some(0)).then_some(quota)
    }

    /// When the next request may go that can wait, `seen` being when this was told, and `last` when the last such one went;
    /// none: whenever it likes.
    pub(super) fn next_patient(&self, seen: Instant, last: Option<Instant>, now: Instant) -> Option<Instant> {
        let space = self.space(now.saturating_duration_since(seen))?;
        let from = match (self.remaining, last) {
            (0, last) => last.map_or(seen, |last| last.max(seen)),
            (_, last) => last?,
        };
        from.checked_add(space).filter(|next| *next > now)
    }

    /// Until it may be asked again where nothing is left.
    pub(super) fn exhausted(&self) -> Option<Duration> {
        let told = self.reset.filter(|reset| self.remaining == 0 && !reset.is_zero());
        told.map(|reset| reset.min(LONGEST_SPACE))
    }

    /// The time between two requests by which what is left lasts, this long after it was told.
    fn space(&self, ago: Duration) -> Option<Duration> {
        let left = match (self.reset, self.window) {
            (Some(reset), _) => reset.saturating_sub(ago),
            (None, window) => window.unwrap_or(UNTOLD),
        };
        let over = ago >= self.reset.or(self.window).unwrap_or(UNTOLD);
        if over || self.remaining > 0 && !self.is_low() {
            return None;
        }
        let parts = match (self.remaining, self.reset, self.window) {
            // One comes back in this time, if the window slides.
            (0, None, Some(_)) => self.limit.unwrap_or(1),
            (0, ..) => 1,
            (remaining, ..) => remaining,
        };
        let space = left / u32::try_from(parts).unwrap_or(u32::MAX).max(1);
        Some(space.min(LONGEST_SPACE))
    }

    fn is_low(&self) -> bool {
        self.limit.is_some_and(|limit| self.remaining.saturating_mul(SHARE) < limit)
    }
}

/// The forms that put it all into one field: `limit=10, remaining=3, reset=7`, and `"default";r=3;t=7` whose limit is in
/// the policy, `"default";q=10;w=60`.
fn combined(field: Option<&str>, policy: Option<&str>) -> Option<Quota> {
    let field = field?;
    let member = |name: &str| {
        field.split(',').find_map(|member| number(member.trim().strip_prefix(name)?.strip_prefix('=')?))
    };
    let remaining = member("remaining").or_else(|| parameter(field, "r"))?;
    let reset = member("reset").or_else(|| parameter(field, "t"));
    let of_policy = |policy: &str| parameter(policy, "q").or_else(|| first_number(policy));
    Some(Quota {
        limit: member("limit").or_else(|| policy.and_then(of_policy)),
        remaining,
        reset: reset.map(|seconds| Duration::from_secs(seconds).min(LONGEST)),
        window: policy.and_then(|policy| span(policy, "w")),
    })
}

/// The first item of a list, without its parameters.
fn first_number(field: &str) -> Option<u64> {
    number(field.split([',', ';']).next()?)
}

/// A parameter of the first item that has it.
fn parameter(field: &str, name: &str) -> Option<u64> {
    field.split([',', ';']).find_map(|part| number(part.trim().strip_prefix(name)?.strip_prefix('=')?))
}

fn span(field: &str, name: &str) -> Option<Duration> {
    let seconds = parameter(field, name).filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds).min(LONGEST))
}

/// Digits and nothing else; none where they are more than a number holds.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Seconds from now, or, as GitHub has it, a moment in seconds since 1970.
fn until(reset: u64, now: SystemTime) -> Duration {
    let span = match reset >= A_DATE {
        true => Duration::from_secs(reset).saturating_sub(now.duration_since(UNIX_EPOCH).unwrap_or_default()),
        false => Duration::from_secs(reset),
    };
    span.min(LONGEST)
}

#[cfg(test)]
mod tests;
