//! What an error may say of an exchange.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::Url;

use crate::address;
use crate::error::Error;

/// The error of an exchange that broke off.
pub(super) fn broken(url: &str, message: impl Into<String>) -> Error {
    Error::Transport { url: url.to_owned(), message: message.into() }
}

/// The error of a request or body that failed below HTTP.
pub(super) fn failed(url: &str, error: &reqwest::Error, patience: Duration) -> Error {
    if error.is_timeout() && !error.is_connect() {
        return broken(url, format!("no byte arrived for {} s", patience.as_secs()));
    }
    broken(url, chain(error))
}

/// The error with its causes: reqwest's own text says only that sending failed.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        let _ = write!(text, "{error}");
        cause = error.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

/// A URL as it may be shown: without user, password and query, which can carry a signature.
pub(super) fn public(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => address::public(url),
        Err(_) => "an address that cannot be read".to_owned(),
    }
}
