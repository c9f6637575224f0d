//! The webhook's certificates, made and renewed with no person and no restart.
//!
//! * [`authority`]: an authority of our own, and the leaves that it issues;
//! * [`verdict`]: whether a certificate has to be made anew, and why;
//! * [`bundle`]: the authorities that are trusted at one time;
//! * [`secret`]: the one authority of all replicas, in a Secret;
//! * [`mounted`]: a certificate that is made elsewhere instead, in a folder;
//! * [`serving`]: a TLS configuration whose certificate is swapped while it serves;
//! * [`injection`]: the registration of the webhooks, kept as it is wanted, with the bundle in it;
//! * [`owner`]: whom the registration belongs to, and goes with;
//! * [`server`]: what the API server is able to do;
//! * [`keeper`]: the task that sees to all of it.
//!
//! When the authority changes, the API server is told to trust the new one first, and only then is a certificate of it
//! served. The time is the wall clock's: a machine that was suspended knows of no other.

pub mod authority;
pub mod bundle;
pub mod injection;
pub mod keeper;
pub mod mounted;
pub mod owner;
pub mod secret;
pub mod server;
pub mod serving;
pub mod verdict;
