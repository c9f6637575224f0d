//! Makes an image that has gathered whole: says in the folder what it is, or packs it, and gives it its name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tagger_core::reference::{Digest, Reference};

use super::archive::pack;
use super::docker;
use super::error::{Damage, DiskError, damaged, read, write};
use super::hashed::length;
use super::index::{self, INDEX, LAYOUT};
use super::place::Place;
use super::stop::blocking;
use super::store::name;
use crate::manifest::MAX_BYTES;
use crate::pull::Manifest;

/// What an archive is called until it is whole.
const ARCHIVE: &str = "archive";

impl Place {
    /// Makes a folder an image layout that has this image.
    pub(super) async fn seal_folder(
        &self,
        root: &Manifest,
        called: &Reference,
        blobs: BTreeMap<Digest, u64>,
    ) -> Result<(), DiskError> {
        let before = match self.is_shared {
            true => self.index()?,
            false => None,
        };
        if !self.is_shared {
            let folder = self.store.root.clone();
            let swept = blocking(move |_| sweep(&folder, &blobs)).await;
            swept.map_err(|problem| write(&self.store.root, problem))?;
        }
        self.store.document(INDEX, index::with(before.as_deref(), root, called)).await?;
        if !self.is_shared {
            fs::rename(&self.store.root, &self.path).map_err(|problem| write(&self.path, problem))?;
        }
        Ok(())
    }

    /// Packs the image into an archive, with docker's own list of what is in it or without.
    pub(super) async fn seal_archive(
        &self,
        root: &Manifest,
        called: &Reference,
        blobs: BTreeMap<Digest, u64>,
        docker: Option<Bytes>,
    ) -> Result<(), DiskError> {
        let mut documents = vec![(LAYOUT.0, Bytes::from(LAYOUT.1)), (INDEX, index::with(None, root, called))];
        documents.extend(docker.map(|saved| (docker::MANIFEST, saved)));
        let blobs: Vec<(Digest, u64)> = blobs.into_iter().collect();
        let (archive, store) = (self.store.root.join(ARCHIVE), self.store.clone());
        let packed = archive.clone();
        let done = blocking(move |stop| pack(&packed, &documents, &store, &blobs, stop)).await;
        done.map_err(|problem| write(&archive, problem))?;
        fs::rename(&archive, &self.path).map_err(|problem| write(&self.path, problem))?;
        // It is all there; what is left is only in the way.
        let root = self.store.root.clone();
        let cleared = blocking(move |_| fs::remove_dir_all(root)).await;
        cleared.map_err(|problem| write(&self.store.root, problem))
    }

    /// The `index.json` that there is.
    fn index(&self) -> Result<Option<Bytes>, DiskError> {
        let path = self.store.root.join(INDEX);
        let told = |problem| read(&path, problem);
        match length(&path).map_err(told)? {
            None => Ok(None),
            Some(bytes) if bytes > MAX_BYTES as u64 => {
                Err(damaged(&path, Damage::TooLarge { name: INDEX.to_owned(), limit: MAX_BYTES }))
            }
            Some(_) => {
                let before = fs::read(&path).map_err(told)?;
                // What can't be read must not be written over.
                let wrong = |problem| Damage::Document { name: INDEX.to_owned(), problem };
                index::entries(&before).map_err(|problem| damaged(&path, wrong(problem)))?;
                Ok(Some(before.into()))
            }
        }
    }
}

/// Removes from a folder that is ours alone what an earlier try for another image left.
fn sweep(folder: &Path, blobs: &BTreeMap<Digest, u64>) -> io::Result<()> {
    let wanted: Vec<PathBuf> = blobs.keys().map(|digest| folder.join(name(digest))).collect();
    for algorithm in fs::read_dir(folder.join("blobs"))? {
        for blob in fs::read_dir(algorithm?.path())? {
            let blob = blob?.path();
            if wanted.binary_search(&blob).is_err() {
                fs::remove_file(blob)?;
            }
        }
    }
    match fs::remove_file(folder.join(ARCHIVE)) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => Err(problem),
        _ => Ok(()),
    }
}
