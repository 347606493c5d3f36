//! Crockford's base 32 of 128 bits: 26 lower-case characters, no i, l, o or u.
//!
//! Source: D. Crockford, "Base 32", crockford.com/base32.html. Lower case, because ids stand in
//! addresses and log lines; upper case and the look-alikes are refused rather than folded, so that
//! one object has one spelling.

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 26 characters on the stack.
pub struct Encoded([u8; 26]);

impl Encoded {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }
}

pub fn encode(bits: u128) -> Encoded {
    let mut text = [0; 26];
    let mut rest = bits;
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    Encoded(text)
}

pub fn decode(text: &str) -> Option<u128> {
    if text.len() != 26 {
        return None;
    }
    let mut bits: u128 = 0;
    for (place, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        // 26 characters hold 130 bits: the first one carries only three.
        if place == 0 && digit > 7 {
            return None;
        }
        bits = (bits << 5) | digit as u128;
    }
    Some(bits)
}
