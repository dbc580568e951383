//! Which links each consumer tolerates: what it does to the files decides.
//!
//! | consumer | does | so |
//! |---|---|---|
//! | openai-whisper | opens a file with a wrong digest for writing (`whisper/__init__.py`, `_download`) | an inode of its own |
//! | `WhisperKit` | offline it lists regular files (swift-transformers, `getFileUrls`) | no symbolic links |
//! | Ollama | stamps a blob with the time when a model is created from it (`manifest/layer.go`, `touchLayer`) | any: the bytes stay, it costs a hash |
//! | Hub caches | remove what a pointer leads to (`hf cache rm`), never what a blob leads to | pointers are relative; a blob may be any link |
//! | all others | read, or rename a finished download into place | any |

use super::ProviderKind;
use crate::fs::LinkMode;

/// Hard links first: the consumer only reads, or replaces by rename.
const READ_ONLY: &[LinkMode] = &[LinkMode::Hardlink, LinkMode::Reflink, LinkMode::Copy];

/// An own inode: the consumer, or the test, writes to the file.
pub(crate) const WRITABLE: &[LinkMode] = &[LinkMode::Reflink, LinkMode::Copy];

impl ProviderKind {
    /// How bytes come into its layout, best first; `chosen` alone, if the catalog chose.
    pub(crate) fn ladder(self, chosen: Option<LinkMode>) -> &'static [LinkMode] {
        match (chosen, self) {
            (Some(LinkMode::Reflink), _) => &[LinkMode::Reflink],
            (Some(LinkMode::Hardlink), _) => &[LinkMode::Hardlink],
            (Some(LinkMode::Symlink), _) => &[LinkMode::Symlink],
            (Some(LinkMode::Copy), _) => &[LinkMode::Copy],
            (None, Self::OpenaiWhisper) => WRITABLE,
            (None, _) => READ_ONLY,
        }
    }

    /// Why its files must not be links of this mode.
    pub(crate) fn refuses(self, mode: LinkMode) -> Option<&'static str> {
        match (self, mode) {
            (Self::OpenaiWhisper, LinkMode::Hardlink | LinkMode::Symlink) => Some(
                "openai-whisper writes to a file whose digest it finds wrong, and through a link that is the store's",
            ),
            (Self::Whisperkit, LinkMode::Symlink) => Some("WhisperKit passes over symbolic links when it is offline"),
            _ => None,
        }
    }
}
