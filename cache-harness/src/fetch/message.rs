//! What an error may say of an exchange.

use reqwest::Url;

use crate::address;
use crate::error::Error;

/// The error of an exchange that broke off.
pub(super) fn broken(url: &str, message: impl Into<String>) -> Error {
    Error::Transport { url: url.to_owned(), message: message.into() }
}

/// A URL as it may be shown: without user, password and query, which can carry a signature.
pub(super) fn public(url: &str) -> String {
    match Url::parse(url) {
        // What follows is no host and path: it may be anything.
        Ok(url) if url.cannot_be_a_base() => format!("{}:…", url.scheme()),
        Ok(url) => address::public(url),
        Err(_) => "an address that cannot be read".to_owned(),
    }
}
