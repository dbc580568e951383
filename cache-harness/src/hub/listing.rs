//! A page of a repository's files, and what is to be believed of it.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::is_commit;
use crate::digest::Sha256Digest;
use crate::pins::MOST_BYTES;

/// A file as the Hub lists it. Its path is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) path: String,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) content: Content,
}

/// What is known of a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// In LFS or Xet: its digest.
    Large(Sha256Digest),
    /// In git: the id of its blob, 40 hexadecimal digits.
    Small(String),
}

impl Listed {
    /// The name of the file's blob in a Hub layout.
    pub(crate) fn etag(&self) -> String {
        match &self.content {
            Content::Large(sha256) => sha256.to_string(),
            Content::Small(oid) => oid.clone(),
        }
    }
}

#[derive(Deserialize)]
struct Entry {
    r#type: String,
    path: String,
    #[serde(default)]
    oid: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

/// The files on a page; folders and submodules are none.
pub(super) fn read(page: &[u8]) -> Result<Vec<Listed>, String> {
    let entries: Vec<Entry> =
        serde_json::from_slice(page).map_err(|error| format!("it is no listing of files: {error}"))?;
    entries.into_iter().filter(|entry| entry.r#type == "file").map(Entry::checked).collect()
}

impl Entry {
    fn checked(self) -> Result<Listed, String> {
        let path = self.path.escape_debug().take(120).collect::<String>();
        if self.path.chars().any(char::is_control) {
            return Err(format!("it lists `{path}`, which has control characters"));
        }
        let size = self.lfs.as_ref().map_or(self.size, |lfs| lfs.size);
        if size > MOST_BYTES {
            return Err(format!("it lists `{path}` with {size} bytes, more than any file has"));
        }
        let content = match self.lfs {
            Some(lfs) => {
                if self.size != 0 && lfs.size != self.size {
                    return Err(format!("it lists `{path}` with {} bytes and with {}", self.size, lfs.size));
                }
                let sha256 = lfs.oid.parse().map_err(|error| format!("it lists `{path}`, but {error}"))?;
                Content::Large(sha256)
            }
            None if is_commit(&self.oid) => Content::Small(self.oid),
            None => {
                let oid = self.oid.escape_debug().take(80).collect::<String>();
                return Err(format!("it lists `{path}`, but `{oid}` is no git blob id"));
            }
        };
        Ok(Listed { path: self.path, size, content })
    }
}

/// Refuses a listing of nothing, and one that has a path twice, as if its pages were of two states of the repository.
pub(super) fn check(files: &[Listed]) -> Result<(), String> {
    if files.is_empty() {
        return Err("it lists no file".to_owned());
    }
    let mut seen = BTreeSet::new();
    match files.iter().find(|file| !seen.insert(&file.path)) {
        Some(twice) => Err(format!("it lists `{}` twice", twice.path.escape_debug())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "ce013625030ba8dba906f756967f9e9ca394464a";

    fn told(entry: &str) -> String {
        read(format!("[{entry}]").as_bytes()).unwrap_err()
    }

    #[test]
    fn files_are_listed_with_what_names_their_content() {
        let sha256 = Sha256Digest::of(b"x");
        let page = format!(
            r#"[{{"type":"directory","oid":"{OID}","size":0,"path":"onnx"}},
            {{"type":"file","oid":"{OID}","size":6,"path":"a.json","xetHash":"x"}},
            {{"type":"file","oid":"{OID}","size":9,"path":"onnx/b","lfs":{{"oid":"{sha256}","size":9,"pointerSize":1}}}}]"#
        );
        let small = Listed { path: "a.json".to_owned(), size: 6, content: Content::Small(OID.to_owned()) };
        let large = Listed { path: "onnx/b".to_owned(), size: 9, content: Content::Large(sha256) };
        assert_eq!((small.etag(), large.etag()), (OID.to_owned(), sha256.to_string()));
        assert_eq!(read(page.as_bytes()), Ok(vec![small.clone(), large.clone()]));
        assert_eq!(check(&[small.clone(), large]), Ok(()));
        assert_eq!(check(&[]), Err("it lists no file".to_owned()));
        assert_eq!(check(&[small.clone(), small]), Err("it lists `a.json` twice".to_owned()));
    }

    #[test]
    fn what_no_file_can_have_is_refused() {
        let file = |rest: &str| told(&format!(r#"{{"type":"file","path":"a",{rest}}}"#));
        assert_eq!(file(r#""oid":"main","size":1"#), "it lists `a`, but `main` is no git blob id");
        assert_eq!(
            file(&format!(r#""oid":"{OID}","size":9007199254740993"#)),
            "it lists `a` with 9007199254740993 bytes, more than any file has"
        );
        let sha1 = file(&format!(r#""size":1,"lfs":{{"oid":"{OID}","size":1}}"#));
        assert!(sha1.ends_with("is no SHA-256: expected 64 hexadecimal digits, found 40 (a SHA-1 has 40)"), "{sha1}");
        let two = file(&format!(r#""size":1,"lfs":{{"oid":"{}","size":2}}"#, Sha256Digest::of(b"")));
        assert_eq!(two, "it lists `a` with 1 bytes and with 2");
        for size in ["1e30", "-1", "99999999999999999999", "1.5", "\"1\""] {
            let told = file(&format!(r#""oid":"{OID}","size":{size}"#));
            assert!(told.starts_with("it is no listing of files: "), "{told}");
        }
        assert!(read(b"<!DOCTYPE html>").is_err() && read(b"{}").is_err() && read(b"").is_err());
    }
}
