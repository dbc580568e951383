//! The text of a lock file: sorted, a block per model, a line per file, and the same bytes for the same pins.
//!
//! ```text
//! [models.tiny]
//! source = "path:fixtures/tiny" # tiny
//! files = [ # tiny
//!   { path = "config.json", size = 2, sha256 = "4413…" }, # tiny
//! ] # tiny
//! check = "0f3a…" # tiny
//! ```
//! Every line names its model, so that no line of one block equals a line of another: `git merge`, told by
//! `.gitattributes` to keep the lines of both sides, then never makes one block out of two. `check` is a digest of
//! the block's other lines. It protects from slips and not from people: a line that an editor, a merge or a disk
//! changed, cut out or made a comment of is an error, where the other keys alone might still make sense.

use std::fmt::Write as _;

use super::{Coverage, LockFile, PinnedFile, Pins, VERSION};
use crate::digest::Sha256Digest;
use crate::document::{key_text, string_text};
use crate::model::ModelName;

/// Digits of `check`: a slip goes unseen once in 2⁶⁴ times.
const CHECK_DIGITS: usize = 16;

const HEADER: &str = "\
# Written by `cache-harness lock`, `add` and `remove`: the bytes that the models of the catalog have.
# Commit this file, and read its changes as you read code.
";

impl LockFile {
    /// The text of this lock file.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("{HEADER}version = {VERSION}\n");
        for (name, pins) in &self.models {
            let mut lines = pins.lines(name);
            let header = lines.remove(0);
            let _ = writeln!(text, "\n{header}");
            lines.push(format!("check = \"{}\"", pins.check(name)));
            for line in lines {
                let _ = writeln!(text, "{line} # {name}");
            }
        }
        text
    }
}

impl Pins {
    /// What `check` has to be in the block of `name`.
    pub(super) fn check(&self, name: &ModelName) -> String {
        let mut digits = Sha256Digest::of(self.lines(name).join("\n").as_bytes()).to_string();
        digits.truncate(CHECK_DIGITS);
        digits
    }

    /// The block's lines without their comments, `check` aside.
    fn lines(&self, name: &ModelName) -> Vec<String> {
        let mut lines = vec![format!("[models.{}]", key_text(name.as_str()))];
        lines.push(format!("source = {}", string_text(&self.source)));
        lines.extend(self.commit.iter().map(|commit| format!("commit = {}", string_text(commit))));
        lines.extend((self.coverage == Coverage::Complete).then(|| "complete = true".to_owned()));
        lines.extend(self.archive.iter().map(|archive| format!("archive = {}", archive.render())));
        lines.extend(self.signature.iter().map(|signature| format!("signature = {}", string_text(signature))));
        lines.push("files = [".to_owned());
        lines.extend(self.files.iter().map(|file| format!("  {},", file.render())));
        lines.push("]".to_owned());
        lines
    }
}

impl PinnedFile {
    fn render(&self) -> String {
        let mut text = format!("{{ path = {}", string_text(self.path.as_str()));
        if let Some(size) = self.size {
            let _ = write!(text, ", size = {size}");
        }
        let _ = write!(text, ", sha256 = \"{}\"", self.sha256);
        if let Some(etag) = &self.etag {
            let _ = write!(text, ", etag = {}", string_text(etag));
        }
        text + " }"
    }
}
