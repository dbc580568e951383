//! A model of a test's own: in a temporary folder, laid out for its consumer, to be written to, and gone with the test.

use std::path::PathBuf;

use crate::cache::Inner;
use crate::error::Result;
use crate::fs;
use crate::prepared::Prepared;
use crate::provider::{Layout, Pointers, Root, Subject};
use crate::provider_kind::WRITABLE;

/// The folder, gone when this is dropped, and what leads a consumer there.
pub(crate) struct Private {
    _folder: tempfile::TempDir,
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
}

impl Private {
    /// A folder for `prepared`, still empty, and what belongs there.
    pub(crate) fn new(inner: &Inner, prepared: &Prepared) -> Result<(Self, Layout)> {
        let folder = fs::temporary_folder("cache-harness-")?;
        let root = Root::in_folder(prepared.provider, folder.path(), &inner.config, &inner.environment)?;
        let subject = prepared.subject(inner);
        let pointers = if shares_blobs(subject) { Pointers::Files } else { subject.pointers };
        let mut layout = Layout::of(prepared.provider, &root.path, Subject { pointers, ..subject })?;
        layout.ladder = WRITABLE;
        Ok((Self { _folder: folder, variables: root.variables }, layout))
    }
}

/// Whether two files of a Hub cache would be one inode: who writes to one would change the other.
fn shares_blobs(subject: Subject<'_>) -> bool {
    let mut etags: Vec<String> = subject.pins.files.iter().map(crate::pins::PinnedFile::hub_etag).collect();
    etags.sort();
    etags.windows(2).any(|pair| pair[0] == pair[1])
}
