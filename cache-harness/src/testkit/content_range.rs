//! The header `Content-Range`, true or not.

/// What a faulty `Content-Range` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentRange {
    /// A part so many bytes further on (or back, if negative) than the one sent.
    Shifted(i64),
    /// A file so many bytes larger (or smaller, if negative) than it is.
    Total(i64),
    /// `*` in place of the file's size, which RFC 9110 allows.
    TotalUnknown,
    /// Nothing: a 206 without the header.
    Missing,
}

impl ContentRange {
    /// What it says of a part from `first` to before `end` of a file of `size` bytes.
    pub(super) fn value(self, first: u64, end: u64, size: u64) -> Option<String> {
        match self {
            Self::Shifted(by) => {
                let moved = |byte: u64| byte.saturating_add_signed(by);
                Some(format!("bytes {}-{}/{size}", moved(first), moved(end - 1)))
            }
            Self::Total(by) => Some(format!("bytes {first}-{}/{}", end - 1, size.saturating_add_signed(by))),
            Self::TotalUnknown => Some(format!("bytes {first}-{}/*", end - 1)),
            Self::Missing => None,
        }
    }
}
