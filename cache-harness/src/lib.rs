//! Verified ML models for tests.
mod address;
mod ask;
mod bypass;
mod cache;
mod cached_model;
mod catalog;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod config;
mod digest;
mod document;
mod environment;
mod error;
mod event;
mod fetch;
mod fill;
mod fs;
mod harness;
mod lock;
mod model;
mod notice;
#[cfg(feature = "cli")]
mod pinning;
mod pins;
mod progress;
mod proof;
mod provider;
mod provider_kind;
mod report;
mod restore;
mod run;
mod store;
mod suggestion;
#[cfg(feature = "testkit")]
pub mod testkit;
mod time;
mod units;
#[cfg(feature = "cli")]
mod warm;
/// What the expansion of `#[cached_model]` names; not for direct use.
#[doc(hidden)]
pub mod __private {
    pub use crate::harness::{OnMissing, Options, Request, Restore, SkipValue, prepare, skipped};
}

pub use cache::Cache;
pub use cache_harness_macros::cached_model;
pub use cached_model::{CachedFile, CachedModel};
pub use config::{ApplicationCache, Config, Origin, Remote, RemoteMode, Setting, Token, Verify, WhenUnusable};
pub use digest::{ParseDigestError, Sha256Digest};
pub use error::{Error, Result};
pub use event::{Evict, Outcome, Request, Via};
pub use fs::LinkMode;
pub use model::{FilePath, InvalidName, ModelName};
pub use progress::{Progress, Step};
pub use provider_kind::ProviderKind;
pub use report::{ModelUse, Report};
pub use units::ByteSize;
