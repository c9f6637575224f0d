//! What is wanted beside what was reached. Nothing fails for being slow: machines differ, and people judge.

use std::fmt;

use serde::Serialize;

/// One figure that has a bound.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Goal {
    what: String,
    unit: &'static str,
    bound: Bound,
    wanted: f64,
    reached: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Bound {
    AtMost,
    AtLeast,
}

impl Goal {
    /// A figure that is not to be above this.
    pub(crate) fn at_most(what: impl Into<String>, wanted: f64, reached: f64, unit: &'static str) -> Self {
        Self { what: what.into(), unit, bound: Bound::AtMost, wanted, reached }
    }

    /// A figure that is not to be below this.
    pub(crate) fn at_least(what: impl Into<String>, wanted: f64, reached: f64, unit: &'static str) -> Self {
        Self { what: what.into(), unit, bound: Bound::AtLeast, wanted, reached }
    }

    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost => self.reached <= self.wanted,
            Bound::AtLeast => self.reached >= self.wanted,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, unit, bound, wanted, reached } = self;
        let bound = if *bound == Bound::AtMost { "at most" } else { "at least" };
        let met = if self.is_met() { "met" } else { "NOT MET" };
        write!(out, "{what:<44} {bound:>8} {:>6} {:>8} {unit:<4} {met}", short(*wanted), short(*reached))
    }
}

/// All goals, one a line.
pub(crate) struct Goals<'a>(pub(crate) &'a [Goal]);

impl fmt::Display for Goals<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:<44} {:>15} {:>8}", "", "wanted", "reached")?;
        self.0.iter().try_for_each(|goal| writeln!(out, "{goal}"))
    }
}

/// Large numbers whole, small ones with what counts of them.
fn short(figure: f64) -> String {
    match figure.abs() {
        large if large >= 1000.0 || figure.fract() == 0.0 => format!("{figure:.0}"),
        middle if middle >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_met_from_its_own_side() {
        assert!(Goal::at_most("x", 5.0, 5.0, "s").is_met() && Goal::at_least("x", 5.0, 5.0, "s").is_met());
        assert!(!Goal::at_most("x", 5.0, 5.1, "s").is_met() && !Goal::at_least("x", 5.0, 4.9, "s").is_met());
        assert!(
            Goal::at_most("ready", 5.0, 5.123, "s")
                .to_string()
                .ends_with("at most      5     5.12 s    NOT MET")
        );
    }

    #[test]
    fn a_figure_is_as_exact_as_it_is_small() {
        assert_eq!([short(5123.4), short(61.25), short(0.987), short(2.0)], ["5123", "61.2", "0.99", "2"]);
    }
}
