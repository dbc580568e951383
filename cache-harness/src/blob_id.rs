//! The id that git gives a file's content: SHA-1 of `blob LENGTH`, a zero byte, and the content.
//!
//! SHA-1 names the file in a Hub layout and shows that the listing and the bytes belong together. It protects
//! nothing: the pin is the SHA-256.

use std::fmt::Write as _;
use std::io::{self, Read};

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// The id of the `size` bytes that `content` yields; of more or fewer it is nobody's id.
pub(crate) fn blob_id(mut content: impl Read, size: u64) -> io::Result<String> {
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(format!("blob {size}\0").as_bytes());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => digest.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(digest.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::blob_id;

    #[test]
    fn it_is_what_git_hash_object_says() {
        for (content, expected) in
            [("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"), ("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a")]
        {
            assert_eq!(blob_id(content.as_bytes(), content.len() as u64).unwrap(), expected);
        }
    }
}
