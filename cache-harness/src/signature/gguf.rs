//! GGUF, versions 2 and 3: keys with values, among them the vocabulary, then a line per tensor. Numbers are little-endian.
//!
//! ```text
//! "GGUF" version:u32 tensors:u64 keys:u64
//!   keys × (key:text type:u32 value)                             text: length:u64 bytes
//!   tensors × (name:text rank:u32 rank × size:u64 type:u32 offset:u64)
//! ```
//! Source: `ggml/docs/gguf.md`. Only the first file of several has the architecture.

use std::io::{Read, Seek};

use super::header::{Header, malformed};
use super::{Format, Kind, Result, Signature};

/// How deep lists of lists may go; no model has any.
const DEPTH: usize = 4;
const TEXT: u32 = 8;
const LIST: u32 = 9;
/// The most bytes of a key by the specification.
const LONGEST_KEY: u64 = 65_535;

pub(super) fn read(mut header: Header<impl Read + Seek>, signature: &mut Signature) -> Result<()> {
    if header.array()? != *b"GGUF" {
        return Err(malformed("it does not begin with `GGUF`"));
    }
    match header.u32()? {
        2 | 3 => {}
        version if (2..=3).contains(&version.swap_bytes()) => return Err(malformed("its numbers are big-endian")),
        version => return Err(malformed(format!("its version is {version}, not 2 or 3"))),
    }
    let (tensors, keys) = (header.u64()?, header.u64()?);
    for _ in 0..keys {
        let length = header.u64()?;
        let is_architecture = length == ARCHITECTURE.len() as u64 && header.array()? == *ARCHITECTURE;
        if length > LONGEST_KEY {
            return Err(malformed(format!("a key of {length} bytes")));
        }
        if length != ARCHITECTURE.len() as u64 {
            header.skip(length)?;
        }
        let kind = header.u32()?;
        if is_architecture && kind == TEXT {
            let length = header.u64()?;
            let architecture = header.name(length)?;
            signature.declare(Format::Gguf, Kind::Architecture, String::new(), architecture)?;
        } else {
            pass(&mut header, kind, DEPTH)?;
        }
    }
    for _ in 0..tensors {
        let length = header.u64()?;
        let name = header.name(length)?;
        let rank = header.u32()?;
        header.skip(u64::from(rank) * 8 + 4 + 8)?;
        signature.declare(Format::Gguf, Kind::Tensor, name, String::new())?;
    }
    Ok(())
}

const ARCHITECTURE: &[u8; 20] = b"general.architecture";

/// Passes over a value.
fn pass(header: &mut Header<impl Read + Seek>, kind: u32, depth: usize) -> Result<()> {
    match kind {
        TEXT => {
            let length = header.u64()?;
            header.skip(length)
        }
        LIST => {
            let (kind, count) = (header.u32()?, header.u64()?);
            if let Some(size) = size(kind) {
                let bytes = count.checked_mul(size).ok_or_else(|| malformed(format!("a list of {count} values")))?;
                return header.skip(bytes);
            }
            let depth = depth.checked_sub(1).ok_or_else(|| malformed("lists of lists of lists"))?;
            (0..count).try_for_each(|_| pass(header, kind, depth))
        }
        _ => header.skip(size(kind).ok_or_else(|| malformed(format!("a value of the unknown type {kind}")))?),
    }
}

/// Bytes of a value that always has as many.
fn size(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
