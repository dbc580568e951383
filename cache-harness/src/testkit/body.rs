//! What a path of the server holds.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use crate::digest::Sha256Digest;

/// The content of one path.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Body {
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// A file, opened anew for each request.
    File(PathBuf),
    /// Pseudo-random bytes, made while they are sent: no memory, no disk, the same on every machine.
    Generated {
        /// Which sequence.
        seed: u64,
        /// How many bytes.
        size: u64,
    },
}

impl Body {
    /// The size in bytes.
    ///
    /// # Errors
    ///
    /// The file cannot be looked at.
    pub fn size(&self) -> io::Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::File(path) => Ok(path.metadata()?.len()),
            Self::Generated { size, .. } => Ok(*size),
        }
    }

    /// The SHA-256 of the whole content: what a test pins.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn digest(&self) -> io::Result<Sha256Digest> {
        Ok(Sha256Digest::of_reader(self.open(0)?)?.0)
    }

    /// A strong validator: differs when the content does.
    pub(super) fn etag(&self) -> io::Result<String> {
        Ok(match self {
            Self::Bytes(bytes) => format!("\"{}\"", Sha256Digest::of(bytes)),
            Self::File(path) => {
                let facts = path.metadata()?;
                let modified = facts.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                format!("\"{:x}-{:x}\"", facts.len(), modified.as_nanos())
            }
            Self::Generated { seed, size } => format!("\"generated-{seed:x}-{size:x}\""),
        })
    }

    /// The content from byte `offset` on.
    pub(super) fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Bytes(bytes) => {
                let mut cursor = Cursor::new(Arc::clone(bytes));
                cursor.set_position(offset);
                Box::new(cursor)
            }
            Self::File(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(offset))?;
                Box::new(file)
            }
            Self::Generated { seed, size } => Box::new(Noise::new(*seed, *size, offset)),
        })
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<const SIZE: usize> From<&[u8; SIZE]> for Body {
    fn from(bytes: &[u8; SIZE]) -> Self {
        Self::Bytes(bytes.as_slice().into())
    }
}

impl From<PathBuf> for Body {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for Body {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

/// The bytes that [`Body::Generated`] with the same `seed` and `size` sends.
///
/// # Examples
///
/// ```
/// use cache_harness::testkit::generated;
/// assert_eq!(generated(1, 100), generated(1, 200)[..100]);
/// assert_ne!(generated(1, 100), generated(2, 100));
/// ```
#[must_use]
pub fn generated(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    Noise::new(seed, size as u64, 0).fill(&mut bytes);
    bytes
}

const BLOCK: usize = 64 * 1024;
const STAMP: usize = 8;

/// One block of noise repeated, each time with its number mixed into the first bytes: copying is fast
/// also in an unoptimised build, and yet blocks that are swapped, lost or doubled change the digest.
struct Noise {
    block: Arc<[u8]>,
    seed: u64,
    position: u64,
    size: u64,
}

impl Noise {
    fn new(seed: u64, size: u64, position: u64) -> Self {
        Self { block: block(seed), seed, position, size }
    }

    /// Copies what comes next, up to the end of the block; returns how many bytes.
    fn fill_some(&mut self, buffer: &mut [u8]) -> usize {
        let number = self.position / BLOCK as u64;
        #[expect(clippy::cast_possible_truncation, reason = "less than a block")]
        let within = (self.position % BLOCK as u64) as usize;
        let left = usize::try_from(self.size.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let count = buffer.len().min(BLOCK - within).min(left);
        buffer[..count].copy_from_slice(&self.block[within..within + count]);
        let stamp = scrambled(self.seed ^ scrambled(number)).to_le_bytes();
        for (byte, mark) in buffer[..count].iter_mut().zip(&stamp[within.min(STAMP)..]) {
            *byte ^= mark;
        }
        self.position += count as u64;
        count
    }

    /// Fills the buffer as far as the content goes; returns how many bytes.
    fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() {
            let count = self.fill_some(&mut buffer[filled..]);
            if count == 0 {
                break;
            }
            filled += count;
        }
        filled
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.fill(buffer))
    }
}

/// The block of a seed. The latest is kept: making one takes as long as sending a megabyte, which a file that
/// is fetched in small parts would pay for each of them.
fn block(seed: u64) -> Arc<[u8]> {
    static LATEST: Mutex<Option<(u64, Arc<[u8]>)>> = Mutex::new(None);
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    match &*latest {
        Some((of, block)) if *of == seed => Arc::clone(block),
        _ => {
            let start = scrambled(seed);
            let words = 0..(BLOCK / 8) as u64;
            let block: Arc<[u8]> =
                words.flat_map(|word| scrambled(start.wrapping_add(word)).to_le_bytes()).collect::<Vec<_>>().into();
            *latest = Some((seed, Arc::clone(&block)));
            block
        }
    }
}

/// The finaliser of splitmix64: each word depends on all bits of the seed, and needs no predecessor.
fn scrambled(seed: u64) -> u64 {
    let mut word = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
