//! One request for one model, and how it is to be met.

use std::path::PathBuf;

use crate::config::Verify;
use crate::event::Via;
use crate::model::FULL;
use crate::provider_kind::ProviderKind;

/// A request for a model.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) name: &'a str,
    /// The variant that the annotation names; `full` for the model itself.
    pub(crate) variant: Option<&'a str>,
    pub(crate) provider: Option<ProviderKind>,
    pub(crate) place: Place,
    pub(crate) verify: Option<Verify>,
    pub(crate) offline: Option<bool>,
    pub(crate) fallback: Fallback,
    pub(crate) on_missing: OnMissing,
    pub(crate) via: Via,
    pub(crate) test: Option<String>,
    /// Source file and line of the annotation.
    pub(crate) site: Option<(&'static str, u32)>,
}

/// Where a model is to stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Where its consumer looks, by the provider's link policy.
    Provider,
    /// There too, but sharing no inode with the store.
    ProviderCopy,
    /// In a folder that disappears with the model; its files are the test's to write.
    Temporary,
    /// Below this folder, as files of its owner's own.
    Folder(PathBuf),
}

/// Whether the declared fallback may stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    Allowed,
    Forbidden,
}

/// What a test does without its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnMissing {
    Fail,
    Skip,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(name: &'a str, via: Via) -> Self {
        Self {
            name,
            variant: None,
            provider: None,
            place: Place::Provider,
            verify: None,
            offline: None,
            fallback: Fallback::Allowed,
            on_missing: OnMissing::Fail,
            via,
            test: None,
            site: None,
        }
    }

    /// A request for the model or variant of just this name, whatever the settings choose.
    pub(crate) fn exactly(name: &'a str, via: Via) -> Self {
        Self { variant: Some(FULL), ..Self::new(name, via) }
    }
}
