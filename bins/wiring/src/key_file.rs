//! A file of keys, one a line.

use std::path::Path;

/// The length of a key, in bytes.
const KEY_BYTES: usize = 32;

/// The keys of a file, 64 hexadecimal digits a line. Skips empty lines and lines that begin with `#`. `what`: for the error.
///
/// # Errors
/// If the file cannot be read or a line is no key. The text contains no key.
pub(crate) fn read(file: &Path, what: &str) -> Result<Vec<[u8; KEY_BYTES]>, String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the {what} in {shown}: {error}"))?;
    parse(&text).map_err(|problem| format!("the {what} in {shown}: {problem}"))
}

fn parse(text: &str) -> Result<Vec<[u8; KEY_BYTES]>, String> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            key(line).ok_or_else(|| format!("line {number} is not {} hexadecimal digits", 2 * KEY_BYTES))
        })
        .collect()
}

fn key(line: &str) -> Option<[u8; KEY_BYTES]> {
    let digits = line.as_bytes();
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    let mut key = [0; KEY_BYTES];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = digit(pair[0])? * 16 + digit(pair[1])?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_contains_keys_and_an_error_names_the_line_without_its_text() {
        let first = "0f".repeat(32);
        let second = "A1".repeat(32);
        let keys = parse(&format!("# the new one\n{first}\n\n{second}\n")).expect("two keys");
        assert_eq!(keys, [[0x0f; 32], [0xa1; 32]]);
        assert_eq!(parse("# nothing\n"), Ok(Vec::new()));
        for (text, says) in
            [(format!("{first}\n{}\n", &second[1..]), "line 2"), (format!("{}zz\n", &first[2..]), "line 1")]
        {
            let problem = parse(&text).expect_err("no key");
            assert!(problem.contains(says) && !problem.contains(&first[..10]), "{problem}");
        }
    }
}
