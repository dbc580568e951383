//! What pinning changed about one model.

use serde::Serialize;

use crate::digest::Sha256Digest;
use crate::model::{FilePath, ModelName};
use crate::pins::{PinnedFile, Pins};
use crate::units::ByteSize;

/// The difference between the pins of a model before and after.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) name: ModelName,
    pub(super) outcome: Outcome,
    /// The source before and after, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<(String, String)>,
    /// The commit before and after, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<(Option<String>, Option<String>)>,
    /// The signature before and after, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<(Option<String>, Option<String>)>,
    /// The files that differ.
    pub(super) files: Vec<FileChange>,
    #[serde(skip)]
    total: (usize, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Unchanged,
    Pinned,
    Changed,
    Dropped,
}

#[derive(Debug, Serialize)]
pub(super) struct FileChange {
    path: FilePath,
    before: Option<Sha256Digest>,
    after: Option<Sha256Digest>,
}

impl Change {
    pub(super) fn between(name: &ModelName, before: Option<&Pins>, after: Option<&Pins>) -> Self {
        let files = |pins: Option<&Pins>| -> Vec<PinnedFile> {
            pins.into_iter().flat_map(|pins| pins.archive.iter().chain(&pins.files)).cloned().collect()
        };
        let source = match (before, after) {
            (Some(before), Some(after)) if before.source != after.source => {
                Some((before.source.clone(), after.source.clone()))
            }
            _ => None,
        };
        let commit = match (before, after) {
            (Some(before), Some(after)) if before.commit != after.commit => {
                Some((before.commit.clone(), after.commit.clone()))
            }
            _ => None,
        };
        let signature = match (before, after) {
            (Some(before), Some(after)) if before.signature != after.signature => {
                Some((before.signature.clone(), after.signature.clone()))
            }
            _ => None,
        };
        let outcome = match (before, after) {
            (None, _) => Outcome::Pinned,
            (_, None) => Outcome::Dropped,
            (Some(before), Some(after)) if before == after => Outcome::Unchanged,
            _ => Outcome::Changed,
        };
        let total = after.map_or((0, 0), |pins| (pins.files.len(), pins.bytes().unwrap_or(0)));
        Self {
            name: name.clone(),
            outcome,
            source,
            commit,
            signature,
            files: changed(&files(before), &files(after)),
            total,
        }
    }

    /// As a person reads it: the model, and below it the files that differ.
    pub(super) fn lines(&self) -> Vec<String> {
        let (name, (files, bytes)) = (&self.name, self.total);
        match self.outcome {
            Outcome::Unchanged => vec![format!("{name}: unchanged")],
            Outcome::Pinned => {
                let noun = if files == 1 { "file" } else { "files" };
                vec![format!("{name}: pinned, {files} {noun}, {}", ByteSize(bytes))]
            }
            Outcome::Dropped => vec![format!("{name}: dropped, for it is not in the catalog")],
            Outcome::Changed => {
                let source = self.source.iter().map(|(before, after)| format!("  source: {before} -> {after}"));
                let or_none = |commit: &Option<String>| commit.clone().unwrap_or_else(|| "none".to_owned());
                let moved = |what, (before, after): &(Option<String>, Option<String>)| {
                    format!("  {what}: {} -> {}", or_none(before), or_none(after))
                };
                let commit = self.commit.iter().map(|commits| moved("commit", commits));
                let signature = self.signature.iter().map(|signatures| moved("signature", signatures));
                let head = std::iter::once(format!("{name}: changed"));
                head.chain(source)
                    .chain(commit)
                    .chain(signature)
                    .chain(self.files.iter().map(|file| format!("  {}", file.line())))
                    .collect()
            }
        }
    }
}

impl FileChange {
    pub(super) fn line(&self) -> String {
        let path = &self.path;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) if before != after => {
                format!("{path}: {} -> {}", before.short(), after.short())
            }
            (Some(_), Some(_)) => format!("{path}: other size or etag"),
            (None, Some(after)) => format!("{path}: new, {}", after.short()),
            (before, None) => format!("{path}: gone, was {}", before.map_or_else(String::new, |before| before.short())),
        }
    }
}

fn changed(before: &[PinnedFile], after: &[PinnedFile]) -> Vec<FileChange> {
    let find = |files: &[PinnedFile], path: &FilePath| files.iter().find(|file| file.path == *path).cloned();
    let mut paths: Vec<_> = before.iter().chain(after).map(|file| &file.path).collect();
    paths.sort();
    paths.dedup();
    let differing = paths.into_iter().filter_map(|path| {
        let (before, after) = (find(before, path), find(after, path));
        let digest = |file: Option<PinnedFile>| file.map(|file| file.sha256);
        (before != after).then(|| FileChange { path: path.clone(), before: digest(before), after: digest(after) })
    });
    differing.collect()
}
