//! spike
#![allow(missing_docs)]
pub mod reference { pub fn check(input: &[u8]) { if let Ok(t) = std::str::from_utf8(input) && let Ok(r)=t.parse::<tagger_core::reference::Reference>() { assert_eq!(r.to_string().parse::<tagger_core::reference::Reference>().unwrap(), r); } } }
