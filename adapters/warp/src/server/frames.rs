//! Follows the frames of an HTTP/2 connection (RFC 9113, section 4) to find out whether one has begun and not ended.

use crate::server::version::PREFACE;

const HEADER_BYTES: usize = 9;
const TYPE_HEADERS: u8 = 1;
const TYPE_CONTINUATION: u8 = 9;
const FLAG_END_HEADERS: u8 = 4;

/// The position in the frames of one connection.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Bytes that are left of the preface or of the current frame's payload.
    left: usize,
    header: [u8; HEADER_BYTES],
    /// The bytes of `header` that have arrived.
    header_bytes: usize,
    /// A block of headers continues in the next frame.
    continues: bool,
}

impl Frames {
    /// The start of a connection. Its preface counts as begun.
    pub(crate) fn new() -> Self {
        Self { left: PREFACE.len(), header: [0; HEADER_BYTES], header_bytes: 0, continues: false }
    }

    /// A frame, or a block of headers, has begun and not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.left > 0 || self.header_bytes > 0 || self.continues
    }

    /// Takes the next bytes, and returns whether a frame or a block of headers ended in them.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let mut ended = false;
        while !bytes.is_empty() {
            if self.left > 0 {
                let length = self.left.min(bytes.len());
                (self.left, bytes) = (self.left - length, &bytes[length..]);
            } else {
                let length = (HEADER_BYTES - self.header_bytes).min(bytes.len());
                self.header[self.header_bytes..][..length].copy_from_slice(&bytes[..length]);
                (self.header_bytes, bytes) = (self.header_bytes + length, &bytes[length..]);
                if self.header_bytes == HEADER_BYTES {
                    self.begin();
                }
            }
            ended |= !self.is_open();
        }
        ended
    }

    fn begin(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.header;
        self.header_bytes = 0;
        self.left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if kind == TYPE_HEADERS || kind == TYPE_CONTINUATION {
            self.continues = flags & FLAG_END_HEADERS == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![0, (payload >> 8) as u8, payload as u8, kind, flags, 0, 0, 0, 1];
        frame.resize(HEADER_BYTES + payload, 0);
        frame
    }

    #[test]
    fn a_frame_is_open_from_its_first_byte_to_its_last_in_any_pieces() {
        let bytes =
            [PREFACE.to_vec(), frame(4, 0, 18), frame(6, 0, 8), frame(1, 5, 300), frame(0, 1, 0)].concat();
        let ends = [24, 24 + 27, 24 + 27 + 17, 24 + 27 + 17 + 309, bytes.len()];
        for piece in [1, 2, 7, 100] {
            let mut frames = Frames::new();
            let mut passed = 0;
            for bytes in bytes.chunks(piece) {
                let before = passed;
                passed += bytes.len();
                let ended = frames.pass(bytes);
                assert_eq!(
                    ended,
                    ends.iter().any(|end| (before + 1..=passed).contains(end)),
                    "{passed} by {piece}"
                );
                assert_eq!(frames.is_open(), !ends.contains(&passed), "{passed} by {piece}");
            }
        }
    }

    #[test]
    fn a_block_of_headers_is_open_until_its_last_frame_ends() {
        let mut frames = Frames::new();
        assert!(frames.is_open() && frames.pass(PREFACE) && !frames.is_open());
        assert!(!frames.pass(&frame(TYPE_HEADERS, 0, 5)) && frames.is_open());
        assert!(!frames.pass(&frame(TYPE_CONTINUATION, 0, 5)) && frames.is_open());
        assert!(frames.pass(&frame(TYPE_CONTINUATION, FLAG_END_HEADERS, 5)) && !frames.is_open());
    }
}
