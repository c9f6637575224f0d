//! Which tag of a repository a Tag means: a filter over the tags, and a rule that chooses among them.

mod choice;
mod comparator;
mod filter;
mod number;
mod range;
mod template;

pub use choice::{Choice, Order, Rule};
pub use filter::{Filter, FilterError};
pub use range::{Range, RangeError};
pub use template::TemplateError;

#[cfg(test)]
mod tests;
