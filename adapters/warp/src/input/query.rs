//! Query parameters.

use std::borrow::Cow;

use crate::output::failure::Failure;

/// The values of the `known` parameters. A parameter without a value is missing. Any other parameter, and one that occurs twice, is
/// an error.
pub(crate) fn parse<'a, const N: usize>(
    query: &'a str,
    known: [&'static str; N],
) -> Result<[Option<Cow<'a, str>>; N], Failure> {
    let mut values = [const { None }; N];
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(at) = known.iter().position(|one| *one == name) else {
            let problem = format!("unknown parameter; there are {}", known.join(", "));
            return Err(Failure::invalid(name.into_owned(), problem));
        };
        if values[at].replace(value).is_some() {
            return Err(Failure::invalid(known[at], "must occur once"));
        }
    }
    Ok(values.map(|value| value.filter(|value| !value.is_empty())))
}

/// A number of orders or records. The service rejects 0, so any text but a number counts as 0.
pub(crate) fn count(text: &str) -> usize {
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_are_missing() {
        let parsed = parse("a=x%20y+z%c3%a4&b=", ["a", "b"]).unwrap();
        assert_eq!(parsed, [Some(Cow::from("x y zä")), None]);
        assert_eq!(parse("", ["a"]).unwrap(), [None]);
    }

    #[test]
    fn unknown_and_repeated_parameters_are_errors() {
        for wrong in ["a=1&a=2", "a=1&%61=2", "c=1", "c", "A=1", "=1"] {
            assert!(parse(wrong, ["a"]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_malformed_escape_is_part_of_the_value() {
        for (query, value) in [("a=%", "%"), ("a=%4", "%4"), ("a=%zz", "%zz"), ("a=%ff", "\u{fffd}")] {
            assert_eq!(parse(query, ["a"]).unwrap(), [Some(Cow::from(value))], "{query}");
        }
    }
}
