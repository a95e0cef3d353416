//! A position in all partitions, as text.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logistics_core::{Offset, Partition};
use logistics_feed::Positions;

/// The version of the text.
const VERSION: u8 = 1;
/// Bits of a byte that are part of a number. The other one says that the number continues (LEB128).
const BITS: u32 = 7;
const CONTINUES: u8 = 1 << BITS;
/// Maximum bytes of a number of 64 bits.
const NUMBER_BYTES_MAX: usize = 10;
/// Maximum partitions that a text may have.
const PARTITIONS_MAX: usize = 10_000;

/// Where a stream of all orders continues: the next offset of each partition.
///
/// Its text is opaque to clients, and short: a partition takes one to five characters per 10^6 records.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LivePosition {
    /// By partition, from 0.
    offsets: Vec<Offset>,
}

/// The text is not that of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the id of an event of this stream")]
pub struct InvalidPosition;

impl LivePosition {
    /// The number of partitions.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        u32::try_from(self.offsets.len()).unwrap_or(u32::MAX)
    }

    /// From the positions in each partition. A partition without a position continues at its start.
    pub(crate) fn of(positions: &Positions, partitions: u32) -> Self {
        let offset = |partition| positions.get(&Partition(partition)).copied().unwrap_or_default();
        Self { offsets: (0..partitions).map(offset).collect() }
    }

    pub(crate) fn positions(&self) -> Positions {
        (0..).map(Partition).zip(self.offsets.iter().copied()).collect()
    }
}

impl fmt::Display for LivePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        write_number(&mut bytes, self.offsets.len() as u64);
        self.offsets.iter().for_each(|offset| write_number(&mut bytes, offset.0));
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for LivePosition {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        if text.len() > 2 * PARTITIONS_MAX * NUMBER_BYTES_MAX {
            return Err(InvalidPosition);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidPosition)?;
        let mut rest = bytes.strip_prefix(&[VERSION]).ok_or(InvalidPosition)?;
        let partitions = read_number(&mut rest).and_then(|count| usize::try_from(count).ok());
        let partitions = partitions.filter(|count| *count <= PARTITIONS_MAX).ok_or(InvalidPosition)?;
        let offsets: Option<Vec<_>> = (0..partitions).map(|_| read_number(&mut rest).map(Offset)).collect();
        offsets.filter(|_| rest.is_empty()).map(|offsets| Self { offsets }).ok_or(InvalidPosition)
    }
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= u64::from(CONTINUES) {
        bytes.push((number & u64::from(CONTINUES - 1)) as u8 | CONTINUES);
        number >>= BITS;
    }
    bytes.push(number as u8);
}

/// `None`: the number is cut off, too great, or longer than it needs to be. So a position has one text.
fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for at in 0..NUMBER_BYTES_MAX {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & (CONTINUES - 1));
        let shift = BITS * at as u32;
        if shift > 0 && bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & CONTINUES == 0 {
            return (byte != 0 || at == 0).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(offsets: &[u64]) -> LivePosition {
        LivePosition { offsets: offsets.iter().copied().map(Offset).collect() }
    }

    #[test]
    fn a_position_is_read_back_from_its_text() {
        for offsets in [&[][..], &[0], &[1, 127, 128, 300], &[u64::MAX, 0, u64::MAX - 1], &[9_999_999; 12]] {
            let position = of(offsets);
            assert_eq!(position.to_string().parse(), Ok(position.clone()), "{position}");
        }
        assert_eq!(of(&[9_999_999; 12]).to_string().len(), 67);
    }

    #[test]
    fn any_other_text_is_refused() {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let wrong = [
            String::new(),
            "a b".to_owned(),
            encode(&[]),
            encode(&[2, 0]),
            encode(&[1]),
            encode(&[1, 1]),
            encode(&[1, 1, 0x80]),
            encode(&[1, 1, 0x80, 0]),
            encode(&[1, 0, 0]),
            encode(&[1, 1, 5, 5]),
            encode(&[1, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            encode(&[&[1, 1][..], &[0xff; 9], &[2]].concat()),
            encode(&[&[1, 1][..], &[0xff; 10], &[0]].concat()),
            "A".repeat(1_000_000),
        ];
        for text in wrong {
            assert_eq!(text.parse::<LivePosition>(), Err(InvalidPosition), "{:.40}", text);
        }
    }
}
