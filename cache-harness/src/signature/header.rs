//! Reading a header forward: no further than the file goes, and no more than a header has.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::{Result, Unreadable};

/// The most bytes of a file that are read, what is skipped aside. The limit of safetensors itself is 100 MB; the
/// vocabularies that GGUF has before its tensors take less than 10 MB.
const MOST_READ: u64 = 128 << 20;
/// The longest name. GGUF allows 64 bytes; names of graphs are paths of modules.
const LONGEST_NAME: u64 = 4096;
/// What a name takes in memory beside its bytes; it counts as read.
const OVERHEAD: u64 = 64;
/// Characters of a name in a message.
const SHOWN: usize = 80;

/// The beginning of a file.
pub(super) struct Header<R> {
    inner: BufReader<R>,
    position: u64,
    length: u64,
    /// Bytes that may still be read.
    budget: u64,
}

impl<R: Read + Seek> Header<R> {
    pub(super) fn of(mut reader: R) -> Result<Self> {
        let length = reader.seek(SeekFrom::End(0))?;
        if i64::try_from(length).is_err() {
            return Err(malformed("it is larger than any file"));
        }
        reader.seek(SeekFrom::Start(0))?;
        Ok(Self { inner: BufReader::with_capacity(64 << 10, reader), position: 0, length, budget: MOST_READ })
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.spend(N as u64, 0)?;
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A name of so many bytes.
    pub(super) fn name(&mut self, count: u64) -> Result<String> {
        if count > LONGEST_NAME {
            return Err(malformed(format!("a name of {count} bytes")));
        }
        self.spend(count, OVERHEAD)?;
        let mut bytes = Vec::new();
        self.inner.by_ref().take(count).read_to_end(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| malformed("a name that is not UTF-8"))
    }

    /// The next `count` bytes, to be read by `parse`, which need not read them all.
    pub(super) fn part<T>(&mut self, count: u64, parse: impl FnOnce(&mut dyn Read) -> T) -> Result<T> {
        self.spend(count, 0)?;
        let mut part = self.inner.by_ref().take(count);
        Ok(parse(&mut part))
    }

    /// Passes over bytes without reading them.
    pub(super) fn skip(&mut self, count: u64) -> Result<()> {
        self.advance(count)?;
        // Not beyond the length, which is no more than this.
        self.inner.seek_relative(count.cast_signed())?;
        Ok(())
    }

    fn spend(&mut self, count: u64, overhead: u64) -> Result<()> {
        self.advance(count)?;
        let left = self.budget.checked_sub(count.saturating_add(overhead));
        self.budget = left.ok_or_else(|| malformed("its header is larger than that of any model"))?;
        Ok(())
    }

    fn advance(&mut self, count: u64) -> Result<()> {
        if count > self.length - self.position {
            let (position, length) = (self.position, self.length);
            return Err(malformed(format!("{count} bytes from byte {position} on, but it has only {length}")));
        }
        self.position += count;
        Ok(())
    }
}

pub(super) fn malformed(reason: impl Into<String>) -> Unreadable {
    Unreadable::Malformed(reason.into())
}

/// A name from a file, as it can be printed.
pub(super) fn shown(name: &str) -> String {
    let mut text: String = name.escape_debug().take(SHOWN).collect();
    if name.escape_debug().nth(SHOWN).is_some() {
        text.push('…');
    }
    text
}
