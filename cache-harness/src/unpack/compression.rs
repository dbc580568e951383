//! One stream of compressed bytes. Streams that follow each other in one file are one, as the tools read them.

use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::format::Compression;

const BUFFER: usize = 64 * 1024;
/// What an xz stream may make its decoder allocate, in KiB; `xz -9` makes it 64 MiB, and zstd's decoder stops at
/// 128 MiB by itself.
const XZ_MEMORY: u32 = 256 * 1024;

/// What `packed` decompresses to.
pub(super) fn reader<'r>(compression: Option<Compression>, packed: impl Read + 'r) -> Box<dyn Read + 'r> {
    let packed = BufReader::with_capacity(BUFFER, packed);
    match compression {
        None => Box::new(packed),
        Some(Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Some(Compression::Zstd) => Box::new(Zstd { packed, decoder: FrameDecoder::new() }),
        Some(Compression::Xz) => Box::new(lzma_rust2::XzReader::new_mem_limit(packed, true, XZ_MEMORY)),
        Some(Compression::Bzip2) => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
    }
}

/// The frames of a zstd file, one after the other.
struct Zstd<R> {
    packed: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> Zstd<R> {
    /// Begins the next frame that has content; `false` at the end of the file.
    fn begin_frame(&mut self) -> io::Result<bool> {
        while !self.packed.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.packed.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if !self.decoder.is_finished() {
                let decoded = self.decoder.decode_blocks(&mut self.packed, BlockDecodingStrategy::UptoBlocks(1));
                decoded.map_err(io::Error::other)?;
            } else if !self.begin_frame()? {
                return Ok(0);
            }
        }
        self.decoder.read(buffer)
    }
}
