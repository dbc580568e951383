//! The header `Range`, as far as clients of files use it: one range in bytes.

/// Which bytes of a file to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    /// All of them: status 200.
    Whole,
    /// From `first` to before `end`: status 206.
    Part { first: u64, end: u64 },
    /// None exist there: status 416.
    Unsatisfiable,
}

/// What `header` selects of a file of `size` bytes. A header that cannot be read, or that names several
/// ranges, selects the whole, as RFC 9110 allows.
pub(super) fn select(header: Option<&str>, size: u64) -> Selection {
    let Some((first, last)) = header.and_then(|header| header.trim().strip_prefix("bytes=")?.split_once('-')) else {
        return Selection::Whole;
    };
    let end = match (last.is_empty(), last.parse::<u64>()) {
        (true, _) => size,
        (false, Ok(last)) => last.saturating_add(1).min(size),
        (false, Err(_)) => return Selection::Whole,
    };
    let (first, end) = match first.parse::<u64>() {
        Ok(first) => (first, end),
        Err(_) if !first.is_empty() || last.is_empty() => return Selection::Whole,
        // `-500` is the last 500 bytes.
        Err(_) => (size.saturating_sub(last.parse().unwrap_or(0)), size),
    };
    if first < end { Selection::Part { first, end } } else { Selection::Unsatisfiable }
}
