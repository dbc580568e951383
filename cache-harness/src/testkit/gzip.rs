//! Gzip without compression (RFC 1952 around stored blocks of RFC 1951): what any client can unpack.

/// The longest stored block.
const LONGEST: usize = 0xffff;

/// `content`, packed.
pub(super) fn packed(content: &[u8]) -> Vec<u8> {
    // Magic number, method deflate, no flags, no time, no hint, unknown system.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for block in content.chunks(LONGEST) {
        store(&mut packed, 0, block);
    }
    store(&mut packed, 1, &[]);
    packed.extend(checksum(content).to_le_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "the format wants the size modulo 2^32")]
    packed.extend((content.len() as u32).to_le_bytes());
    packed
}

fn store(packed: &mut Vec<u8>, last: u8, block: &[u8]) {
    let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
    packed.push(last);
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(block);
}

/// CRC-32 as in ISO 3309.
fn checksum(content: &[u8]) -> u32 {
    let mut table = [0_u32; 256];
    for (byte, entry) in (0_u32..).zip(&mut table) {
        *entry = (0..8).fold(byte, |rest, _| if rest & 1 == 1 { (rest >> 1) ^ 0xedb8_8320 } else { rest >> 1 });
    }
    !content.iter().fold(u32::MAX, |sum, byte| {
        let [low, ..] = sum.to_le_bytes();
        table[usize::from(low ^ byte)] ^ (sum >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_has_the_standard_check_value() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }
}
