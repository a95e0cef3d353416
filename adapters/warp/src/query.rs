//! Query parameters.

use std::borrow::Cow;

use crate::failure::Failure;

/// The parameters of a query that has none but the `known` ones, each at most once. One without a value is not there.
pub(crate) fn parse<'a, const N: usize>(
    query: &'a str,
    known: [&'static str; N],
) -> Result<[Option<Cow<'a, str>>; N], Failure> {
    let mut values = [const { None }; N];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(place) = known.iter().position(|one| *one == name) else {
            let problem = format!("there is no such parameter; there are {}", known.join(", "));
            return Err(Failure::invalid(name.to_owned(), problem));
        };
        let value =
            decode(value).ok_or_else(|| Failure::invalid(known[place], "is not URL-encoded UTF-8"))?;
        if values[place].replace(value).is_some() {
            return Err(Failure::invalid(known[place], "it is given twice"));
        }
    }
    Ok(values.map(|value| value.filter(|value| !value.is_empty())))
}

/// A number of orders or records. A text that is none counts as 0, which the service refuses as it refuses any other number out
/// of the range.
pub(crate) fn count(text: &str) -> usize {
    text.parse().unwrap_or_default()
}

/// The text behind `application/x-www-form-urlencoded`.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_are_not_there() {
        let parsed = parse("a=x%20y+z%c3%a4&b=", ["a", "b"]).unwrap();
        assert_eq!(parsed, [Some(Cow::from("x y zä")), None]);
        assert_eq!(parse("", ["a"]).unwrap(), [None]);
        for wrong in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=1&a=2", "c=1", "c"] {
            assert!(parse(wrong, ["a"]).is_err(), "{wrong}");
        }
    }
}
