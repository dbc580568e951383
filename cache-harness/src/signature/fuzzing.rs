//! What must hold whatever a header says. `tests/fuzz` looks for bytes for which it does not.

use std::io::Cursor;

use super::{DIGITS, Format, Signature};

/// `bytes` are a file of each format.
#[expect(clippy::missing_panics_doc, reason = "what does not hold is a panic")]
pub fn headers(bytes: &[u8]) {
    for format in [Format::Safetensors, Format::Gguf, Format::Onnx] {
        let Ok(signature) = Signature::read(format, Cursor::new(bytes)) else { continue };
        assert_eq!(signature.digits().len(), DIGITS);
        assert!(signature.differences(&signature).is_empty());
        let mut twice = signature.clone();
        assert!(twice.unite(signature.clone()).is_ok() && twice == signature);
        let lines = signature.differences(&Signature::default());
        assert!(lines.iter().all(|line| line.len() < 4096 && !line.contains(char::is_control)), "{lines:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::headers;
    use crate::corpus;

    #[test]
    fn it_holds_for_all_that_fuzzing_began_with_and_found() {
        corpus::each("headers", headers);
    }
}
