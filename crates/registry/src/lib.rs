//! Asks container registries what a tag points at now, and copies images between them, by the OCI distribution
//! specification; believes no answer that it has not hashed.
//!
//! [`Client::resolve`] and [`Client::copy`] are the ways in; [`Client::save`] and [`Client::push`] have the disk at one end. Around them stand [`Settings`] (what an administrator allows), [`Keychain`] (who
//! gives credentials; [`DockerConfig`] is one that reads a docker `config.json` as the kubelet does) and [`Error`],
//! which says what failed in one word, whether asking again is worth it, and what a person can do.
//!
//! Where a [`RegistriesConf`] says so, images are read from mirrors and other locations than their names say, or not at all.
//!
//! # What it holds to
//!
//! * A tag whose digest is known costs one HEAD; a new one costs a GET by that digest as well. Nothing is asked in
//!   advance: no ping, and no 401 when a token is at hand.
//! * Tokens are asked for at `https` realms or at the registry's own host and port, and never follow a redirect;
//!   no `Authorization` leaves for another host.
//! * Addresses are judged after names are resolved, right before the connection: link-local and metadata addresses are
//!   refused always, private ones unless the registry is listed in [`Settings::private`] or [`Settings::insecure`].
//! * A copy is whole, byte for byte, and through memory alone. Nothing is there by half: children go before their index,
//!   tags last. No blob is sent that is there, nor twice where two copies want it; and nobody gets a blob that they could
//!   not read at its source.
//! * Every exchange has a time limit and every body a bound.
//! * A registry is asked so much at once and a second ([`Limits`]), equal requests at a time are one, and no answer is older than
//!   its question. 429, `Retry-After` and what registries say is left of a limit are honoured for each account. Work that
//!   can wait ([`Client::patient`]) yields to all other.
//!
//! # Proxies
//!
//! `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are taken from the environment. Behind a proxy it is the proxy that
//! resolves names, so that judging the addresses of *names* is the proxy's duty; literal addresses are still judged here.

mod children;
mod choose;
mod client;
mod copy;
mod disk;
mod download;
mod error;
mod fault;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod hash;
mod inspect;
mod keychain;
mod manifest;
mod parts;
mod pieces;
mod pull;
mod push;
mod referrers;
mod registries_conf;
mod remote;
mod remove;
mod resolve;
mod search;
mod sending;
mod settings;
mod tags;
mod transport;

pub use choose::NotChosen;
pub use client::Client;
pub use copy::{Amount, Copied, CopyError, CopyOptions, Destination, Progress};
pub use disk::{
    Choice, Damage, DiskError, ImageProblem, Layout, OnDisk, PushError, SaveError, SaveOptions, Saved,
};
pub use error::{Error, Retry};
pub use fault::{Fault, UploadProblem};
pub use inspect::{Child, Configuration, Content, Inspected, Layer, Platform, PlatformError};
pub use keychain::{
    Anonymous, Credential, DockerConfig, DockerConfigError, DockerConfigFile, DockerConfigFileError,
    ForRegistry, HelperProblem, Keychain, UserConfig, UserConfigWarning,
};
pub use manifest::ManifestProblem;
pub use registries_conf::{ConfProblem, NameProblem, NoPlace, Place, RegistriesConf, RegistriesConfError};
pub use remove::Removal;
pub use resolve::Resolved;
pub use settings::{Authority, Detour, Limits, Settings, SettingsError};
pub use transport::{AddressKind, ConnectProblem, RealmProblem, RedirectProblem, TlsProblem, TokenProblem};
