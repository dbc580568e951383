//! Verified ML models for tests.
mod address;
mod catalog;
mod config;
mod digest;
mod document;
mod environment;
mod error;
mod event;
mod model;
mod pins;
mod provider_kind;
mod suggestion;
mod report;
mod run;
#[cfg(feature = "testkit")]
pub mod testkit;
mod time;
mod units;
pub use config::{ApplicationCache, Config, Origin, Remote, RemoteMode, Setting, Token, Verify, WhenUnusable};
pub use digest::{ParseDigestError, Sha256Digest};
pub use error::{Error, Result};
pub use event::{Evict, Outcome, Request, Via};
pub use model::{FilePath, InvalidName, ModelName};
pub use provider_kind::ProviderKind;
pub use report::{ModelUse, Report};
pub use units::ByteSize;
