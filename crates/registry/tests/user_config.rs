//! Credentials from the config files of docker and podman, and from their helpers. The helpers are found in a PATH of this process's
//! own, which is why each test here is one of a file by itself: nothing else runs programs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rstest::rstest;
use tagger_registry::{Client, Keychain, Settings, UserConfig};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Proxy, TokenOptions};
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::target::Credentials;
