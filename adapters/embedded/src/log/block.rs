//! Blocks: consecutive records of one log, stored and compressed together.
//!
//! Records share a row of the table, and readers get slices of one allocation. In memory and before compression, a
//! record is `key length | payload length | key | payload`. The lengths have 32 bits, little-endian.

use bytes::Bytes;
use logistics_core::port::LogRecord;
use logistics_core::{Offset, Timestamp};

use crate::file::checksum::checksum;
use crate::limits::BLOCK_BYTES_TARGET;

/// The key length of a record without a key.
const NO_KEY: u32 = u32::MAX;
const LENGTHS_BYTES: usize = 8;
/// `checksum u64 | at i64 | count u32 | raw length u32 | codec u8`, little-endian.
const HEADER_BYTES: usize = 25;
const CODEC_PLAIN: u8 = 0;
const CODEC_LZ4: u8 = 1;
/// Maximum size of a block. It bounds the allocation that a damaged length can cause.
const RAW_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Consecutive records of one log.
#[derive(Debug)]
pub(crate) struct Block {
    first: u64,
    count: u32,
    at: Timestamp,
    raw: Bytes,
}

/// Collects the records of a block.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    raw: Vec<u8>,
    count: u32,
}

/// An encoded and compressed block without a position. Callers prepare it on their own threads, so that the writer's
/// thread only does work that must happen in order.
#[derive(Debug)]
pub(crate) struct PreparedBlock {
    raw: Bytes,
    count: u32,
    /// Space for the header, then the body.
    stored: Vec<u8>,
    body_checksum: u64,
}

impl BlockBuilder {
    pub(crate) fn push(&mut self, key: Option<&[u8]>, payload: &[u8]) {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(NO_KEY);
        self.raw.extend_from_slice(&key.map_or(NO_KEY, length).to_le_bytes());
        self.raw.extend_from_slice(&length(payload).to_le_bytes());
        self.raw.extend_from_slice(key.unwrap_or_default());
        self.raw.extend_from_slice(payload);
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.raw.len() >= BLOCK_BYTES_TARGET
    }

    /// The block of the pushed records. The builder is empty afterwards.
    pub(crate) fn finish(&mut self) -> PreparedBlock {
        let raw = Bytes::from(std::mem::take(&mut self.raw));
        let count = std::mem::take(&mut self.count);
        let mut stored = vec![0; HEADER_BYTES + lz4_flex::block::get_maximum_output_size(raw.len())];
        let compressed = lz4_flex::block::compress_into(&raw, &mut stored[HEADER_BYTES..]);
        match compressed {
            Ok(length) if length < raw.len() => {
                stored.truncate(HEADER_BYTES + length);
                stored[HEADER_BYTES - 1] = CODEC_LZ4;
            }
            _ => {
                stored.truncate(HEADER_BYTES);
                stored.extend_from_slice(&raw);
                stored[HEADER_BYTES - 1] = CODEC_PLAIN;
            }
        }
        let body_checksum = checksum(0, &stored[HEADER_BYTES..]);
        PreparedBlock { raw, count, stored, body_checksum }
    }
}

impl PreparedBlock {
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Its size in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.raw.len() + self.stored.len()
    }

    /// Sets the position and time. Returns the value to store under `key`, and the block for readers.
    pub(crate) fn seal(mut self, key: &[u8], first: u64, at: Timestamp) -> (Vec<u8>, Block) {
        let raw_length = u32::try_from(self.raw.len()).unwrap_or(u32::MAX);
        self.stored[8..16].copy_from_slice(&at.as_millis().to_le_bytes());
        self.stored[16..20].copy_from_slice(&self.count.to_le_bytes());
        self.stored[20..24].copy_from_slice(&raw_length.to_le_bytes());
        let sum = header_checksum(key, &self.stored, self.body_checksum);
        self.stored[..8].copy_from_slice(&sum.to_le_bytes());
        (self.stored, Block { first, count: self.count, at, raw: self.raw })
    }
}

impl Block {
    /// Decodes a stored block.
    ///
    /// # Errors
    /// The kind of damage.
    pub(crate) fn decode(key: &[u8], first: u64, stored: &[u8]) -> Result<Self, &'static str> {
        let (header, body) =
            stored.split_at_checked(HEADER_BYTES).ok_or("a block of records is truncated")?;
        let u32_at = |at: usize| header[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
        let u64_at = |at: usize| header[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        if header_checksum(key, header, checksum(0, body)) != u64_at(0) {
            return Err("the checksum of a block of records does not match");
        }
        let (count, length) = (u32_at(16), u32_at(20) as usize);
        let raw = match header[HEADER_BYTES - 1] {
            CODEC_PLAIN => Bytes::copy_from_slice(body),
            CODEC_LZ4 if length <= RAW_BYTES_MAX => lz4_flex::block::decompress(body, length)
                .map(Bytes::from)
                .map_err(|_| "a block of records cannot be decompressed")?,
            _ => return Err("a block of records has an unknown encoding"),
        };
        let at = Timestamp::from_millis(u64_at(8).cast_signed());
        let block = Self { first, count, at, raw };
        if block.raw.len() != length || block.places().count() != count as usize {
            return Err("a block of records contradicts its header");
        }
        Ok(block)
    }

    /// The offset of its first record.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The offset behind its last record.
    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// The time at which its records were appended.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Its size in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.raw.len()
    }

    /// Its records from offset `from`.
    pub(crate) fn records(&self, from: u64) -> impl Iterator<Item = LogRecord> + '_ {
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let places = self.places().enumerate().skip(skip);
        places.map(|(index, place)| LogRecord {
            headers: Vec::new(),
            offset: Offset(self.first + index as u64),
            key: place.key.map(|(start, end)| self.raw.slice(start..end)),
            payload: self.raw.slice(place.payload.0..place.payload.1),
            at: self.at,
        })
    }

    fn places(&self) -> Places<'_> {
        Places { raw: &self.raw, at: 0 }
    }
}

/// The ranges of a record's parts in the raw bytes.
struct Place {
    key: Option<(usize, usize)>,
    payload: (usize, usize),
}

struct Places<'a> {
    raw: &'a [u8],
    at: usize,
}

impl Iterator for Places<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let lengths = self.raw.get(self.at..self.at + LENGTHS_BYTES)?;
        let key_length = u32::from_le_bytes(lengths[..4].try_into().ok()?);
        let payload_length = u32::from_le_bytes(lengths[4..].try_into().ok()?) as usize;
        let key_start = self.at + LENGTHS_BYTES;
        let key_end = if key_length == NO_KEY { key_start } else { key_start + key_length as usize };
        let end = key_end + payload_length;
        if end > self.raw.len() {
            return None;
        }
        self.at = end;
        Some(Place { key: (key_length != NO_KEY).then_some((key_start, key_end)), payload: (key_end, end) })
    }
}

/// Includes the key, so that a block under another block's key is detected.
fn header_checksum(key: &[u8], header: &[u8], body_checksum: u64) -> u64 {
    checksum(checksum(body_checksum, key), &header[8..HEADER_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"a key";

    fn stored(records: &[(Option<&[u8]>, &[u8])]) -> Vec<u8> {
        let mut builder = BlockBuilder::default();
        for (key, payload) in records {
            builder.push(*key, payload);
        }
        builder.finish().seal(KEY, 40, Timestamp::from_millis(1234)).0
    }

    #[test]
    fn decoding_restores_the_records() {
        let long = vec![b'x'; 5000];
        let records: [(Option<&[u8]>, &[u8]); 4] =
            [(Some(b"k"), b"one"), (None, b""), (Some(b""), b"three"), (Some(b"kk"), &long)];
        let block = Block::decode(KEY, 40, &stored(&records)).unwrap();
        assert_eq!((block.first(), block.end()), (40, 44));
        let all: Vec<_> = block.records(0).collect();
        for (index, (record, (key, payload))) in all.iter().zip(records).enumerate() {
            assert_eq!(record.offset, Offset(40 + index as u64));
            assert_eq!((record.key.as_deref(), &record.payload[..]), (key, payload));
            assert_eq!(record.at, Timestamp::from_millis(1234));
        }
        assert_eq!(block.records(42).collect::<Vec<_>>(), all[2..]);
        assert_eq!(block.records(44).count(), 0);
    }

    #[test]
    fn incompressible_records_are_stored_uncompressed() {
        let noise: Vec<u8> = (0_u64..400).flat_map(|i| checksum(i, b"noise").to_le_bytes()).collect();
        let value = stored(&[(None, &noise)]);
        assert!(value.len() <= noise.len() + HEADER_BYTES + LENGTHS_BYTES);
        assert_eq!(Block::decode(KEY, 40, &value).unwrap().records(0).next().unwrap().payload, noise);
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        let value = stored(&[(Some(b"key"), b"payload payload payload payload"), (None, b"x")]);
        for bit in 0..value.len() * 8 {
            let mut wrong = value.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(Block::decode(KEY, 40, &wrong).is_err(), "bit {bit}");
        }
        for length in 0..value.len() {
            assert!(Block::decode(KEY, 40, &value[..length]).is_err(), "length {length}");
        }
        assert!(Block::decode(b"another", 40, &value).is_err());
    }
}
