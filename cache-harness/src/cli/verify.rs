//! `verify [NAME…] [--repair]`: always hashes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Context, Verdict};
use crate::ask::Ask;
use crate::cache::Cache;
use crate::config::Verify as Depth;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::event::Via;
use crate::fs::{self, LinkMode};
use crate::lock::Waiting;
use crate::prepared::Prepared;
use crate::store::{Checked, Content, OnDamage, Proofs, Store};
use crate::units::{ByteSize, show_seconds};

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// Models of the catalog; without any, all that are in the cache
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Fetch again what is wrong
    #[arg(long)]
    repair: bool,
}

#[derive(Default, Serialize)]
struct Document {
    checked: usize,
    bad: Vec<Bad>,
    bytes: u64,
    seconds: f64,
    repaired: Vec<String>,
}

#[derive(Serialize)]
struct Bad {
    name: String,
    #[serde(serialize_with = "super::context::lossy")]
    path: PathBuf,
    expected: Sha256Digest,
    actual: Option<Sha256Digest>,
}

impl Verify {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let names = if self.names.is_empty() { super::warm::all(&cache) } else { self.names.clone() };
        let started = Instant::now();
        let mut document = Document::default();
        for name in &names {
            match cache.inner.prepared(&Ask::exactly(name, Via::Restore)) {
                Ok(prepared) => document.verify(&cache, &prepared)?,
                Err(Error::Unpinned { .. }) if self.names.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        let wrong: BTreeSet<_> = document.bad.iter().map(|bad| bad.name.clone()).collect();
        let mut verdict = if wrong.is_empty() { Verdict::Holds } else { Verdict::Fails };
        if self.repair && !wrong.is_empty() {
            verdict = Verdict::Holds;
            for name in wrong {
                match cache.ask(&Ask { verify: Some(Depth::Always), ..Ask::exactly(&name, Via::Restore) }) {
                    Ok(_) => document.repaired.push(name),
                    Err(error) => {
                        context.error(&error);
                        verdict = Verdict::Fails;
                    }
                }
            }
        }
        document.seconds = started.elapsed().as_secs_f64();
        self.tell(context, &document)?;
        Ok(verdict)
    }

    fn tell(&self, context: &Context, document: &Document) -> Result<()> {
        if context.wants_json() {
            return context.json(document);
        }
        for bad in &document.bad {
            let actual = bad.actual.map_or_else(|| "nothing is there".to_owned(), |actual| format!("found {actual}"));
            context.out(&format!("{}: {}\n  expected {}\n  {actual}", bad.name, bad.path.display(), bad.expected))?;
        }
        for name in &document.repaired {
            context.say(&format!("repaired {name}"));
        }
        let (checked, bytes, took) = (document.checked, ByteSize(document.bytes), show_seconds(document.seconds));
        let bad = document.bad.len();
        context.say(&format!("{checked} files, {bytes}, hashed in {took}: {bad} wrong"));
        if bad > 0 && !self.repair {
            context.say("hint: `cache-harness verify --repair` fetches them again");
        }
        Ok(())
    }
}

impl Document {
    /// Hashes a model's blobs, and the files in layouts that are no links to them. What is right is remembered.
    fn verify(&mut self, cache: &Cache, prepared: &Prepared) -> Result<()> {
        let store = &cache.inner.store;
        if Store::record_fingerprint(&prepared.entry_files)?.is_none() {
            return Ok(());
        }
        let _lease = store.lease(&prepared.entry_files)?;
        let turn = store.turn(&prepared.id, &Waiting::BRIEF)?;
        let Some(mut entry) = store.entry(&prepared.id)?.filter(|entry| !entry.memos.is_empty()) else { return Ok(()) };
        let name = prepared.name().to_string();
        let mut proofs = Proofs::new(store, Duration::ZERO, OnDamage::Leave);
        let digests: BTreeSet<_> = entry.files.iter().map(|file| file.sha256).collect();
        for digest in digests {
            self.checked += 1;
            let actual = match proofs.check(&digest, None)? {
                Checked::Proven(memo) => {
                    entry.memos.insert(digest, memo);
                    continue;
                }
                // A fill that did not end is no damage.
                Checked::Missing if !entry.memos.contains_key(&digest) => continue,
                Checked::Missing => None,
                Checked::Damaged(actual) => actual,
            };
            self.bad.push(Bad { name: name.clone(), path: store.blob(&digest), expected: digest, actual });
        }
        self.bytes += proofs.hashed;
        for placed in &entry.placed {
            let (Content::Blob { sha256, .. } | Content::Pointer { sha256, .. }) = &placed.content else { continue };
            let is_own = !matches!(placed.content, Content::Blob { mode: LinkMode::Hardlink, .. });
            let found = fs::look_through(&placed.path)?;
            let actual = match found {
                fs::Found::File(file) if is_own || !is_blob(&store.blob(sha256), file)? => {
                    let opened = fs::open_through(&placed.path).map_err(Error::io("open", &placed.path))?;
                    let hashed = Sha256Digest::of_reader(opened).map_err(Error::io("read", &placed.path))?;
                    self.bytes += hashed.1;
                    Some(hashed.0)
                }
                fs::Found::File(_) => Some(*sha256),
                _ => None,
            };
            self.checked += 1;
            if actual != Some(*sha256) {
                self.bad.push(Bad { name: name.clone(), path: placed.path.clone(), expected: *sha256, actual });
            }
        }
        turn.record(&mut entry)
    }
}

/// Whether a file in a layout is the blob itself, which was hashed already.
fn is_blob(blob: &Path, file: fs::Fingerprint) -> Result<bool> {
    Ok(matches!(fs::look(blob)?, fs::Found::File(blob) if blob.same_file(&file)))
}
