//! What may name a model: the rule of `cache_harness::ModelName`, told at compile time.

/// What stands for a model itself wherever a variant can be named.
pub(crate) const FULL: &str = "full";

/// Why `name` can't name a model or, behind `@`, one of its variants, to be read after the name.
pub(crate) fn check(name: &str) -> Result<(), &'static str> {
    let (name, variant) = name.split_once('@').map_or((name, None), |(name, variant)| (name, Some(variant)));
    check_model(name)?;
    match variant {
        Some(variant) if !is_variant(variant) => {
            Err("names no variant behind `@`: it is a word of letters, digits, `.`, `_` and `-`")
        }
        _ => Ok(()),
    }
}

/// Whether a variant may be called so; `full` is the model itself.
pub(crate) fn is_variant(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !word.is_empty() && !matches!(word, "." | "..") && word.chars().all(allowed)
}

fn check_model(name: &str) -> Result<(), &'static str> {
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
