//! What may name a model: the rule of `cache_harness::ModelName`, told at compile time.

/// Why `name` can't name a model, to be read after the name.
pub(crate) fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.len() > 1024 {
        return Err("is longer than 1024 bytes");
    }
    for part in name.split('/') {
        match part {
            "" => return Err("starts or ends with `/` or has `//`"),
            "." | ".." => return Err("has a `.` or `..` part, which could leave its folder"),
            _ if part.len() > 255 => return Err("has a part longer than 255 bytes"),
            _ => {}
        }
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    if !name.chars().all(allowed) {
        return Err("has characters other than letters, digits, `.`, `_`, `-` and `/`");
    }
    Ok(())
}
