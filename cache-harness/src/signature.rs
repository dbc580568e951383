//! What a model's files declare in their headers, so that a small stand-in can be held against the real model.
//!
//! | format | what counts | what does not |
//! |---|---|---|
//! | safetensors | tensors: name, type of element, rank | sizes, metadata, order |
//! | GGUF | the architecture; tensors: name | quantisation, sizes and rank (1 at the end is dropped there), other keys |
//! | ONNX | inputs and outputs of the graph: name, type of element, rank | sizes, nodes, weights and inputs that have one |
//!
//! Headers only, in bounded memory, and whatever the bytes: a header comes from strangers, and of a model that is not
//! here nobody has compared it with a digest yet.

mod difference;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod gguf;
mod header;
mod onnx;
mod safetensors;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::io::{self, Read, Seek};

use self::header::Header;
use crate::digest::Sha256Digest;

/// Digits of a signature in the lock file.
const DIGITS: usize = 16;

/// The most memory that the parts of a model may take, all its files together: a million of them, which is ten times
/// what the largest models have.
const MOST_MEMORY: usize = 256 << 20;
/// What a part takes beside its texts.
const OVERHEAD: usize = 128;

/// A format whose headers can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    Safetensors,
    Gguf,
    Onnx,
}

/// What the files of a model declare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Signature {
    /// The types of each part: more than one where files of the model disagree.
    parts: BTreeMap<Part, BTreeSet<String>>,
    memory: usize,
}

/// Something with a name that a file declares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    format: Format,
    kind: Kind,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Architecture,
    Tensor,
    Input,
    Output,
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes are not what their format has.
    #[error("{0}")]
    Malformed(String),
}

type Result<T> = std::result::Result<T, Unreadable>;

impl Format {
    /// What a file's name says that it is.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let formats = [Self::Safetensors, Self::Gguf, Self::Onnx];
        let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
        formats.into_iter().find(|format| extension.eq_ignore_ascii_case(format.as_str()))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Gguf => "gguf",
            Self::Onnx => "onnx",
        }
    }
}

impl Signature {
    /// What one file declares; not more than its header is read.
    pub(crate) fn read(format: Format, reader: impl Read + Seek) -> Result<Self> {
        let mut signature = Self::default();
        let header = Header::of(reader)?;
        match format {
            Format::Safetensors => safetensors::read(header, &mut signature)?,
            Format::Gguf => gguf::read(header, &mut signature)?,
            Format::Onnx => onnx::read(header, &mut signature)?,
        }
        Ok(signature)
    }

    /// Adds what another file of the model declares.
    pub(crate) fn unite(&mut self, other: Self) -> Result<()> {
        for (part, types) in other.parts {
            for kind in types {
                self.insert(part.clone(), kind)?;
            }
        }
        Ok(())
    }

    /// What the lock file has of it.
    pub(crate) fn digits(&self) -> String {
        let mut text = String::from("signature 1\n");
        for (part, types) in &self.parts {
            for kind in types {
                // The length tells where a name ends, whatever is in it.
                let _ = writeln!(text, "{} {:?} {} {} {kind}", part.format, part.kind, part.name.len(), part.name);
            }
        }
        let mut digits = Sha256Digest::of(text.as_bytes()).to_string();
        digits.truncate(DIGITS);
        digits
    }

    /// Adds what a file has not declared before.
    fn declare(&mut self, format: Format, kind: Kind, name: String, of: String) -> Result<()> {
        let part = Part { format, kind, name };
        if self.parts.contains_key(&part) {
            return Err(Unreadable::Malformed(format!("it declares the {part} twice")));
        }
        self.insert(part, of)
    }

    fn insert(&mut self, part: Part, of: String) -> Result<()> {
        let memory = part.name.len() + of.len() + OVERHEAD;
        if self.parts.entry(part).or_default().insert(of) {
            self.memory = self.memory.saturating_add(memory);
        }
        if self.memory > MOST_MEMORY {
            return Err(Unreadable::Malformed("more is declared than any model has".to_owned()));
        }
        Ok(())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Architecture => return write!(formatter, "{} architecture", self.format),
            Kind::Tensor => "tensor",
            Kind::Input => "input",
            Kind::Output => "output",
        };
        write!(formatter, "{} {kind} `{}`", self.format, header::shown(&self.name))
    }
}
