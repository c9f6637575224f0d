use std::str::FromStr;

use semver::{Prerelease, Version};

/// One condition of a range, such as `>=1.2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparator {
    operator: Operator,
    /// What is not given is 0.
    version: Version,
    given: Given,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    AtLeast,
    Less,
    AtMost,
    /// No other minor version: `~1.2`.
    Tilde,
    /// No other major version, and before 1.0.0 no other minor one: `^1.2`.
    Caret,
}

/// How much of a version is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Given {
    Nothing,
    Major,
    Minor,
    All,
}

impl Comparator {
    pub(super) fn read(operator: &str, version: &str) -> Result<Self, String> {
        let written = format!("{operator}{version}");
        let operator = operator.parse::<Operator>()?;
        let (given, version) = partial(version).map_err(|why| format!("in {written:?}, {why}"))?;
        let is_empty = matches!(operator, Operator::NotEqual | Operator::Greater | Operator::Less);
        match given == Given::Nothing && is_empty {
            true => Err(format!("{written:?} is no version at all")),
            false => Ok(Self { operator, version, given }),
        }
    }

    pub(super) fn names_a_prerelease(&self) -> bool {
        !self.version.pre.is_empty()
    }

    /// Whether a version is as this says. Whether prereleases are welcome is the range's to say.
    pub(super) fn has(&self, version: &Version) -> bool {
        let (ours, order) = (&self.version, version.cmp_precedence(&self.version));
        let major = || version.major == ours.major;
        let minor = || major() && version.minor == ours.minor;
        match (self.operator, self.given) {
            (Operator::AtLeast, _) => order.is_ge(),
            (Operator::Less, _) => order.is_lt(),
            (Operator::Equal, Given::All) => order.is_eq(),
            (Operator::NotEqual, Given::All) => order.is_ne(),
            (Operator::Greater, Given::All) => order.is_gt(),
            (Operator::AtMost, Given::All) => order.is_le(),

            (Operator::AtMost, Given::Nothing) => true,
            (Operator::AtMost, Given::Major) => version.major <= ours.major,
            (Operator::AtMost, Given::Minor) => (version.major, version.minor) <= (ours.major, ours.minor),
            (Operator::Greater, Given::Major) => version.major > ours.major,
            (Operator::Greater, Given::Minor) => (version.major, version.minor) > (ours.major, ours.minor),
            (Operator::NotEqual, Given::Major) => !major(),
            (Operator::NotEqual, Given::Minor) => !minor(),
            // Refused when they were read.
            (Operator::Greater | Operator::NotEqual, Given::Nothing) => false,

            (Operator::Equal | Operator::Tilde | Operator::Caret, Given::Nothing) => order.is_ge(),
            (Operator::Equal | Operator::Tilde, Given::Major) => order.is_ge() && major(),
            (Operator::Equal | Operator::Tilde, Given::Minor) | (Operator::Tilde, Given::All) => {
                order.is_ge() && minor()
            }
            (Operator::Caret, Given::Major) => order.is_ge() && major(),
            (Operator::Caret, Given::Minor | Given::All) if ours.major > 0 => order.is_ge() && major(),
            (Operator::Caret, Given::All) if ours.minor == 0 => {
                order.is_ge() && minor() && version.patch == ours.patch
            }
            (Operator::Caret, Given::Minor | Given::All) => order.is_ge() && minor(),
        }
    }
}

impl FromStr for Operator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "" | "=" => Self::Equal,
            "!=" => Self::NotEqual,
            ">" => Self::Greater,
            ">=" | "=>" => Self::AtLeast,
            "<" => Self::Less,
            "<=" | "=<" => Self::AtMost,
            "~" | "~>" => Self::Tilde,
            "^" => Self::Caret,
            _ => return Err(format!("{text:?} is none of = != > >= < <= ~ ^")),
        })
    }
}

/// A version of which the last parts may be missing or wildcards.
fn partial(text: &str) -> Result<(Given, Version), String> {
    let digits = text.strip_prefix('v').unwrap_or(text);
    let digits = digits.split_once('+').map_or(digits, |(before, _)| before);
    let (digits, prerelease) = match digits.split_once('-') {
        Some((digits, prerelease)) => (digits, Some(prerelease)),
        None => (digits, None),
    };
    let mut numbers = [0; 3];
    let mut given = 0;
    let mut wild = false;
    for (place, part) in digits.split('.').enumerate() {
        let number = numbers.get_mut(place).ok_or("there are more than three numbers")?;
        match part {
            "x" | "X" | "*" => wild = true,
            _ if wild => return Err("a number follows a wildcard".to_owned()),
            _ => {
                *number = read_number(part)?;
                given = place + 1;
            }
        }
    }
    let given = [Given::Nothing, Given::Major, Given::Minor, Given::All][given];
    let [major, minor, patch] = numbers;
    let mut version = Version::new(major, minor, patch);
    if let Some(prerelease) = prerelease {
        version.pre = match Prerelease::new(prerelease) {
            Ok(known) if !known.is_empty() => known,
            _ => return Err(format!("{prerelease:?} is no prerelease")),
        };
    }
    Ok((given, version))
}

fn read_number(text: &str) -> Result<u64, String> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_number && (text == "0" || !text.starts_with('0')) => Ok(number),
        _ => Err(format!("{text:?} is no number of a version")),
    }
}
