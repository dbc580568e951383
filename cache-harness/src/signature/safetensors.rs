//! Safetensors: the length of a JSON object, eight bytes; the object, which has a key per tensor; then the tensors.

use std::fmt;
use std::io::{Read, Seek};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::header::{Header, malformed, shown};
use super::{Format, Kind, Result, Signature, Unreadable};

/// The format's own limit.
const LONGEST: u64 = 100_000_000;
/// The most dimensions of a tensor; what computes with them has limits far below.
const DIMENSIONS: usize = 64;
/// The longest name of a type of element, of those there may be one day.
const LONGEST_TYPE: usize = 32;

pub(super) fn read(mut header: Header<impl Read + Seek>, signature: &mut Signature) -> Result<()> {
    let length = header.u64()?;
    if length > LONGEST {
        return Err(malformed(format!("a header of {length} bytes, where {LONGEST} are the most")));
    }
    // What follows the header; that this is not negative is said by whoever reads the header.
    let data = header.length().saturating_sub(header.position().saturating_add(length));
    let parsed = header.part(length, |json| {
        let mut json = serde_json::Deserializer::from_reader(json);
        Tensors { signature, data }.deserialize(&mut json).and_then(|()| json.end())
    })?;
    parsed.map_err(
        |error| {
            if error.is_io() { Unreadable::Io(error.into()) } else { malformed(format!("its header: {error}")) }
        },
    )
}

/// The keys of the header.
struct Tensors<'a> {
    signature: &'a mut Signature,
    /// Bytes that the tensors have.
    data: u64,
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Rank,
    data_offsets: (u64, u64),
}

struct Rank(usize);

impl<'de> DeserializeSeed<'de> for Tensors<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Tensors<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let Tensor { dtype, shape: Rank(rank), data_offsets: (begin, end) } = map.next_value()?;
            if begin > end || end > self.data {
                let (name, data) = (shown(&name), self.data);
                return Err(A::Error::custom(format!("`{name}` is said to be at {begin} to {end} of {data} bytes")));
            }
            if dtype.len() > LONGEST_TYPE {
                return Err(A::Error::custom(format!("`{}` has the type `{}`", shown(&name), shown(&dtype))));
            }
            let of = format!("{dtype}, rank {rank}");
            self.signature.declare(Format::Safetensors, Kind::Tensor, name, of).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Rank {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_seq(RankVisitor)
    }
}

struct RankVisitor;

impl<'de> Visitor<'de> for RankVisitor {
    type Value = Rank;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of sizes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sizes: A) -> std::result::Result<Rank, A::Error> {
        let mut rank = 0;
        while sizes.next_element::<u64>()?.is_some() {
            rank += 1;
            if rank > DIMENSIONS {
                return Err(A::Error::custom(format!("more than {DIMENSIONS} dimensions")));
            }
        }
        Ok(Rank(rank))
    }
}
