//! Which addresses may be asked for bytes, and what file an address names.
//!
//! Addresses are read by the parser that the HTTP client uses, so that what is checked here is what is
//! asked there.

use std::fmt::Write as _;
use std::net::IpAddr;

use reqwest::Url;

use crate::model::FilePath;

/// Which hosts may be asked over plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PlainHttp {
    /// This machine. The digest would catch bytes changed on the way, but not a token read on the way.
    #[default]
    Loopback,
    /// Any: somebody has said so, and no token is sent.
    Anywhere,
}

/// Whether `url` may be asked; if not, why.
pub(crate) fn is_allowed(url: &str, plain_http: PlainHttp) -> Result<(), String> {
    let parsed = Url::parse(url).map_err(|error| format!("it is no URL: {error}"))?;
    match parsed.scheme() {
        "https" => Ok(()),
        "http" if plain_http == PlainHttp::Anywhere || is_loopback(&parsed) => Ok(()),
        "http" => Err("plain http is allowed only to this machine (127.0.0.0/8, [::1], localhost): use https".into()),
        other => Err(format!("`{other}` is not supported: use https")),
    }
}

/// Whether a redirect may lead from one address to the other; if not, why. Never to a weaker scheme, whatever
/// plain HTTP is allowed.
pub(crate) fn may_lead(from: &Url, to: &Url, plain_http: PlainHttp) -> Result<(), String> {
    is_allowed(to.as_str(), plain_http)?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err("a redirect may not leave https".into());
    }
    Ok(())
}

/// An address as an error may show it: as written, unless it carries what may be a secret; then without user,
/// password and query.
pub(crate) fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(parsed) if url.contains(['@', '?', '#']) => public(parsed),
        Err(_) if url.contains(['@', '?', '#']) => "an address that cannot be read".to_owned(),
        _ => url.to_owned(),
    }
}

/// A template of addresses as an error may show it.
pub(crate) fn shown_template(template: &str) -> String {
    shown(template).replace("%7B", "{").replace("%7D", "}")
}

/// A URL without user, password and query, which can carry a signature.
pub(crate) fn public(mut url: Url) -> String {
    let _ = (url.set_username(""), url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// Whether two addresses are of one scheme, host and port.
pub(crate) fn same_origin(first: &str, second: &str) -> bool {
    matches!((Url::parse(first), Url::parse(second)), (Ok(first), Ok(second)) if first.origin() == second.origin())
}

/// Whether the host is this machine, by its address or as `localhost`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether `url` is an address that a remote can have; if not, why.
///
/// Plain HTTP is fine here: a remote gets no token of ours, and its bytes are verified.
pub(crate) fn is_remote(url: &str) -> Result<(), String> {
    let parsed = Url::parse(url).map_err(|error| format!("it is no URL: {error}"))?;
    match parsed.scheme() {
        "http" | "https" | "s3" | "file" => Ok(()),
        other => Err(format!("`{other}` is not supported: use `https`, `http`, `s3` or `file`")),
    }
}

/// The file that `url` names: the last part of its path, decoded.
pub(crate) fn file_name(url: &str) -> Result<FilePath, String> {
    let parsed = Url::parse(url).map_err(|error| format!("it is no URL: {error}"))?;
    let last = parsed.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    if last.is_empty() {
        return Err("it names no file: its path ends with `/`".into());
    }
    let name = decoded(last).ok_or("its file name is not UTF-8")?;
    if name.contains('/') {
        return Err(format!("its file name `{name}` has a `/`"));
    }
    name.parse::<FilePath>().map_err(|error| format!("its file name {error}"))
}

/// A file's path as part of a URL.
pub(crate) fn encode_path(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    })
}

/// The same as one part of a URL's path.
#[cfg(feature = "cli")]
pub(crate) fn encode_segment(text: &str) -> String {
    encode_path(text).replace('/', "%2F")
}

/// `text` with its `%xx` replaced by the bytes they stand for.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(b'%');
            rest = after;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_hosts_only() {
        for url in [
            "https://a.example/x",
            "http://127.0.0.1:8080/x",
            "http://127.9.9.9/",
            "http://[::1]:1/",
            "http://LOCALHOST/",
        ] {
            assert_eq!(is_allowed(url, PlainHttp::Loopback), Ok(()), "{url}");
        }
        for url in [
            "http://a.example/x",
            "http://127.0.0.1.example/",
            r"http://127.0.0.1@a.example\@127.0.0.1/",
            "http://localhost.example/",
        ] {
            let refused = is_allowed(url, PlainHttp::Loopback).unwrap_err();
            assert!(refused.starts_with("plain http is allowed only to this machine"), "{url}");
            assert_eq!(is_allowed(url, PlainHttp::Anywhere), Ok(()), "{url}");
        }
        let refused = |url| is_allowed(url, PlainHttp::Anywhere).unwrap_err();
        assert_eq!(refused("ftp://a.example/x"), "`ftp` is not supported: use https");
        assert_eq!(refused("a.example/x"), "it is no URL: relative URL without a base");
    }

    #[test]
    fn no_redirect_leads_from_https_to_http() {
        let told = |from: &str, to: &str, plain_http| {
            may_lead(&Url::parse(from).unwrap(), &Url::parse(to).unwrap(), plain_http)
        };
        let (safe, plain) = ("https://a.example", "http://a.example");
        for plain_http in [PlainHttp::Loopback, PlainHttp::Anywhere] {
            assert_eq!(told(plain, safe, plain_http), Ok(()));
            assert_eq!(told(safe, "http://localhost", plain_http).unwrap_err(), "a redirect may not leave https");
            assert!(told(safe, plain, plain_http).is_err() && told(plain, "file:///x", plain_http).is_err());
        }
        assert!(told("http://localhost", plain, PlainHttp::Loopback).is_err());
        assert_eq!(told("http://localhost", plain, PlainHttp::Anywhere), Ok(()));
    }

    #[test]
    fn no_error_shows_what_may_be_a_secret() {
        for (url, expected) in [
            ("http://a.example", "http://a.example"),
            ("http://u:secret@a.example/x?token=secret#secret", "http://a.example/x"),
            (r"http://127.0.0.1@a.example\@127.0.0.1/", "http://a.example/@127.0.0.1/"),
            ("//u:secret@a.example", "an address that cannot be read"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn the_file_name_is_decoded_and_safe() {
        let name = |url| file_name(url).map(|name| name.to_string());
        assert_eq!(name("https://a.example/b/m%20%C3%A4.bin?x=1#y").unwrap(), "m ä.bin");
        assert_eq!(name("https://a.example/100%.bin").unwrap(), "100%.bin");
        for url in [
            "https://a.example/",
            "https://a.example/..%2Fx",
            "https://a.example/%00",
            "https://a.example/a%5Cb",
            "https://a.example/%ff",
        ] {
            assert!(name(url).is_err(), "{url}");
        }
    }
}
