//! The checksum of stored values. It detects damage, not forgery.

/// A 64-bit checksum of `data`, continued from `seed`.
///
/// Each step is a bijection of the state, so two inputs that differ in one word have different checksums.
pub(crate) fn checksum(seed: u64, data: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |state: u64, word: u64| {
        let state = (state ^ word).wrapping_mul(MULTIPLIER);
        state ^ (state >> 32)
    };
    let (words, rest) = data.as_chunks::<8>();
    let mut state = step(seed, data.len() as u64);
    for word in words {
        state = step(state, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    step(state, u64::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn every_flipped_bit_and_every_missing_byte_changes_the_checksum() {
        let data: Vec<u8> = (0..100).collect();
        let right = checksum(7, &data);
        for bit in 0..data.len() * 8 {
            let mut wrong = data.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(checksum(7, &wrong), right, "bit {bit}");
        }
        for length in 0..data.len() {
            assert_ne!(checksum(7, &data[..length]), right, "length {length}");
        }
        assert_ne!(checksum(8, &data), right);
    }
}
