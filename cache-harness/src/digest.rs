//! SHA-256: the type that names a blob, and hashing as bytes go by.
//!
//! Bulk data is hashed by `ring`, which the TLS stack brings along: its assembly runs at full speed
//! also in the unoptimised build that `cargo test` makes, where the portable `sha2` crate does about
//! 0.03 GB/s against 0.99 GB/s. The feature `portable-digest` selects `sha2` for targets that `ring`
//! does not reach; a test compares the two.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A SHA-256 digest.
///
/// It can only be made by hashing or by parsing 64 hexadecimal digits, so a path built from one
/// cannot leave the store (the flaw of CVE-2024-37032).
///
/// # Examples
///
/// ```
/// use cache_harness::Sha256Digest;
/// let digest = Sha256Digest::of(b"");
/// assert_eq!(digest.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
/// assert!("e3b0".parse::<Sha256Digest>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of everything `reader` yields, and how many bytes that was.
    ///
    /// # Errors
    ///
    /// Whatever reading fails with.
    pub fn of_reader(mut reader: impl Read) -> io::Result<(Self, u64)> {
        let mut hashing = Hashing::new(io::sink());
        // A small file is not worth the zeroes of a large buffer.
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hashing.write_all(&buffer[..count])?;
                    if count == buffer.len() {
                        buffer.resize(256 * 1024, 0);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let bytes = hashing.written;
        Ok((hashing.finish().1, bytes))
    }

    /// The first twelve digits: enough for a person to tell two digests apart.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        formatter.pad(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sha256Digest({self})")
    }
}

/// Why a text is no [`Sha256Digest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no SHA-256: expected 64 hexadecimal digits, found {found}")]
pub struct ParseDigestError {
    text: String,
    found: String,
}

const NO_DIGIT: u8 = 0xff;

/// What each byte is worth as a hexadecimal digit: a record of a thousand files has some ten thousand digests, and is also
/// read by unoptimised code.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit as usize] as usize] = digit;
        values[b"0123456789ABCDEF"[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};

impl FromStr for Sha256Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        let (mut bytes, mut all) = ([0; 32], 0);
        if digits.len() == 64 {
            for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
                *byte = high << 4 | low;
                all |= high | low;
            }
            if all != NO_DIGIT {
                return Ok(Self(bytes));
            }
        }
        let wrong = |found: String| ParseDigestError { text: text.chars().take(80).collect(), found };
        if let Some(character) = text.chars().find(|character| !character.is_ascii_hexdigit()) {
            return Err(wrong(format!("`{}`", character.escape_debug())));
        }
        let sha1 = if text.len() == 40 { " (a SHA-1 has 40)" } else { "" };
        Err(wrong(format!("{}{sha1}", text.len())))
    }
}

impl TryFrom<String> for Sha256Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Sha256Digest> for String {
    fn from(digest: Sha256Digest) -> Self {
        digest.to_string()
    }
}

/// A digest in the making.
pub(crate) struct Hasher(Backend);

#[cfg(not(feature = "portable-digest"))]
type Backend = ring::digest::Context;
#[cfg(feature = "portable-digest")]
type Backend = sha2::Sha256;

#[cfg(not(feature = "portable-digest"))]
impl Hasher {
    pub(crate) fn new() -> Self {
        Self(Backend::new(&ring::digest::SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Sha256Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Sha256Digest(bytes)
    }
}

#[cfg(feature = "portable-digest")]
impl Hasher {
    pub(crate) fn new() -> Self {
        Self(sha2::Digest::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }

    pub(crate) fn finish(self) -> Sha256Digest {
        Sha256Digest(sha2::Digest::finalize(self.0).into())
    }
}

/// A writer that hashes what passes through it.
pub(crate) struct Hashing<W> {
    inner: W,
    hasher: Hasher,
    /// Bytes that have passed.
    pub(crate) written: u64,
}

impl<W: Write> Hashing<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new(), written: 0 }
    }

    /// The writer, and the digest of what went into it.
    pub(crate) fn finish(self) -> (W, Sha256Digest) {
        (self.inner, self.hasher.finish())
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest as _;

    use super::*;

    proptest! {
        /// Under either backend: with the feature `portable-digest` both sides are `sha2`, without it one is ring.
        #[test]
        fn the_digest_is_what_sha2_says_however_the_bytes_come(
            bytes in proptest::collection::vec(any::<u8>(), 0..3000),
            step in 1_usize..700,
        ) {
            let mut hasher = Hasher::new();
            bytes.chunks(step).for_each(|chunk| hasher.update(chunk));
            let digest = hasher.finish();
            prop_assert_eq!(digest.0, <[u8; 32]>::from(sha2::Sha256::digest(&bytes)));
            prop_assert_eq!(digest, Sha256Digest::of(&bytes));
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }

    #[test]
    fn what_is_no_digest_is_told_with_what_it_may_be() {
        let told = |text: &str| text.parse::<Sha256Digest>().unwrap_err().to_string();
        assert!(told(&"a".repeat(40)).ends_with("found 40 (a SHA-1 has 40)"));
        assert!(told("../../etc/passwd").contains("found `.`"));
        assert!(told(&"A".repeat(64).replace('A', "é")).contains("found `é`"));
    }

    #[test]
    fn upper_case_digits_are_the_same_digest() {
        let digest = Sha256Digest::of(b"abc");
        assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest));
    }
}
