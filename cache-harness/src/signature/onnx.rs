//! ONNX: a protobuf message. Its inputs and outputs come after the weights, which are passed over.
//!
//! ```text
//! model { graph = 7 }
//!   graph { initializer = 5, input = 11, output = 12, sparse_initializer = 15 { values = 1 } }
//!     initializer { name = 8 }
//!     input, output { name = 1, type = 2 }
//!       type { tensor_type = 1, sequence_type = 4, map_type = 5, sparse_tensor_type = 8, optional_type = 9 }
//! ```
//! Source: `onnx/onnx.proto`. An input that is an initializer too is one that need not be given.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use super::header::{Header, malformed};
use super::{Format, Kind, Result, Signature};

/// How deep types may go: a sequence of maps is two.
const DEPTH: usize = 8;

/// What a field has.
#[derive(Debug, Clone, Copy)]
enum Value {
    Number(u64),
    /// Bytes up to this one of the file: a text or a message.
    Bytes(u64),
    Fixed,
}

#[derive(Default)]
struct Graph {
    inputs: Vec<(String, String)>,
    outputs: Vec<(String, String)>,
    initializers: BTreeSet<String>,
}

pub(super) fn read<R: Read + Seek>(mut header: Header<R>, signature: &mut Signature) -> Result<()> {
    let mut graph = None;
    let end = header.length();
    fields(&mut header, end, |header, field| match field {
        (7, Value::Bytes(end)) => graph.get_or_insert_with(Graph::default).read(header, end),
        _ => Ok(()),
    })?;
    let Graph { inputs, outputs, initializers } = graph.ok_or_else(|| malformed("it holds no graph"))?;
    for (name, of) in inputs.into_iter().filter(|(name, _)| !initializers.contains(name)) {
        signature.declare(Format::Onnx, Kind::Input, name, of)?;
    }
    for (name, of) in outputs {
        signature.declare(Format::Onnx, Kind::Output, name, of)?;
    }
    Ok(())
}

impl Graph {
    fn read<R: Read + Seek>(&mut self, header: &mut Header<R>, end: u64) -> Result<()> {
        fields(header, end, |header, field| {
            match field {
                (5, Value::Bytes(end)) => self.initializers.extend(name(header, end)?),
                (15, Value::Bytes(end)) => fields(header, end, |header, field| {
                    if let (1, Value::Bytes(end)) = field {
                        self.initializers.extend(name(header, end)?);
                    }
                    Ok(())
                })?,
                (11, Value::Bytes(end)) => self.inputs.push(declared(header, end)?),
                (12, Value::Bytes(end)) => self.outputs.push(declared(header, end)?),
                _ => {}
            }
            Ok(())
        })
    }
}

/// The name of an initializer.
fn name<R: Read + Seek>(header: &mut Header<R>, end: u64) -> Result<Option<String>> {
    let mut name = None;
    fields(header, end, |header, field| {
        if let (8, Value::Bytes(end)) = field {
            name = Some(header.name(end - header.position())?);
        }
        Ok(())
    })?;
    Ok(name)
}

/// Name and type of an input or output.
fn declared<R: Read + Seek>(header: &mut Header<R>, end: u64) -> Result<(String, String)> {
    let (mut name, mut of) = (String::new(), untyped());
    fields(header, end, |header, field| {
        match field {
            (1, Value::Bytes(end)) => name = header.name(end - header.position())?,
            (2, Value::Bytes(end)) => of = kind(header, end, DEPTH)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, of))
}

fn untyped() -> String {
    "of no type".to_owned()
}

fn kind<R: Read + Seek>(header: &mut Header<R>, end: u64, depth: usize) -> Result<String> {
    let depth = depth.checked_sub(1).ok_or_else(|| malformed("a type of types of types"))?;
    let mut of = untyped();
    fields(header, end, |header, field| {
        match field {
            (1, Value::Bytes(end)) => of = tensor(header, end)?,
            (8, Value::Bytes(end)) => of = format!("sparse {}", tensor(header, end)?),
            (4, Value::Bytes(end)) => of = format!("sequence of ({})", map(header, end, depth)?.1),
            (9, Value::Bytes(end)) => of = format!("optional ({})", map(header, end, depth)?.1),
            (5, Value::Bytes(end)) => {
                let (key, value) = map(header, end, depth)?;
                of = format!("map of {} to ({value})", element(key));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(of)
}

/// Key and value of a map. A sequence has its element where a map has the key, and never both.
fn map<R: Read + Seek>(header: &mut Header<R>, end: u64, depth: usize) -> Result<(u64, String)> {
    let (mut key, mut value) = (0, untyped());
    fields(header, end, |header, field| {
        match field {
            (1, Value::Number(number)) => key = number,
            (1 | 2, Value::Bytes(end)) => value = kind(header, end, depth)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

fn tensor<R: Read + Seek>(header: &mut Header<R>, end: u64) -> Result<String> {
    let (mut of, mut rank) = (0, None);
    fields(header, end, |header, field| {
        match field {
            (1, Value::Number(number)) => of = number,
            (2, Value::Bytes(end)) => {
                let rank = rank.insert(0_u64);
                fields(header, end, |_, field| {
                    *rank += u64::from(matches!(field, (1, Value::Bytes(_))));
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    })?;
    let of = element(of);
    Ok(rank.map_or_else(|| format!("{of}, any rank"), |rank| format!("{of}, rank {rank}")))
}

/// The name of a type of element, as numpy has it.
fn element(number: u64) -> String {
    const NAMES: [&str; 17] = [
        "undefined",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];
    let name = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
    name.map_or_else(|| format!("type {number}"), |name| (*name).to_owned())
}

/// Calls `each` with the number and value of each field of the message that goes up to `end`. What it does not read
/// of the field's bytes is passed over.
fn fields<R: Read + Seek>(
    header: &mut Header<R>,
    end: u64,
    mut each: impl FnMut(&mut Header<R>, (u64, Value)) -> Result<()>,
) -> Result<()> {
    while header.position() < end {
        let key = number(header)?;
        let (field, value) = match (key >> 3, key & 7) {
            (0, _) => return Err(malformed("a field without a number, which no protobuf message has")),
            (field, 0) => (field, Value::Number(number(header)?)),
            (field, 1) => (field, fixed(header, 8)?),
            (field, 2) => {
                let length = number(header)?;
                let stop = header.position().checked_add(length).filter(|stop| *stop <= end);
                let beyond = || malformed(format!("field {field} has {length} bytes, more than there are"));
                (field, Value::Bytes(stop.ok_or_else(beyond)?))
            }
            (field, 5) => (field, fixed(header, 4)?),
            (field, wire) => return Err(malformed(format!("field {field} is of the unknown kind {wire}"))),
        };
        if header.position() > end {
            return Err(malformed(format!("field {field} goes beyond its message")));
        }
        each(header, (field, value))?;
        if let Value::Bytes(stop) = value {
            header.skip(stop - header.position())?;
        }
    }
    Ok(())
}

fn fixed<R: Read + Seek>(header: &mut Header<R>, bytes: u64) -> Result<Value> {
    header.skip(bytes)?;
    Ok(Value::Fixed)
}

/// A number of one to ten bytes, seven bits in each.
fn number<R: Read + Seek>(header: &mut Header<R>) -> Result<u64> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let [byte] = header.array()?;
        // As protobuf has it, bits beyond the last are lost.
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(malformed("a number of more than ten bytes"))
}
