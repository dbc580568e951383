//! Whether an error may pass by itself, and whether it is of whoever asks.

use super::Error;

impl Error {
    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::SourcesFailed { attempts, .. } => attempts.iter().any(Self::is_transient),
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// Whether the request or the configuration is wrong, rather than the world: exit code 2.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoCatalog { .. }
                | Self::UnknownModel { .. }
                | Self::Unpinned { .. }
                | Self::StalePins { .. }
                | Self::Unconfirmed { .. }
                | Self::Malformed { .. }
                | Self::Setting { .. }
                | Self::NoHome { .. }
                | Self::Elsewhere { .. }
        )
    }
}
