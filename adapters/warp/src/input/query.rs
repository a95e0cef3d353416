//! Query parameters.

use std::borrow::Cow;

use logistics_core::Status;
use logistics_core::lifecycle::STATUSES;

use crate::output::failure::Failure;

/// The value of each known parameter, in their order.
pub(crate) type Values<'a, const N: usize> = [Option<Cow<'a, str>>; N];

/// The values of the `known` parameters. A parameter without a value is missing. Any other parameter, and one that occurs twice, is
/// an error.
pub(crate) fn parse<'a, const N: usize>(
    query: &'a str,
    known: [&'static str; N],
) -> Result<Values<'a, N>, Failure> {
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

/// The same, with the values of one parameter that may occur any number of times.
pub(crate) fn parse_repeated<'a, const N: usize>(
    query: &'a str,
    known: [&'static str; N],
    repeated: &'static str,
) -> Result<(Values<'a, N>, Vec<Cow<'a, str>>), Failure> {
    let mut values = [const { None }; N];
    let mut several = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == repeated {
            several.push(value);
            continue;
        }
        let Some(at) = known.iter().position(|one| *one == name) else {
            let problem = format!("unknown parameter; there are {}, {repeated}", known.join(", "));
            return Err(Failure::invalid(name.into_owned(), problem));
        };
        if values[at].replace(value).is_some() {
            return Err(Failure::invalid(known[at], "must occur once"));
        }
    }
    several.retain(|value| !value.is_empty());
    Ok((values.map(|value| value.filter(|value| !value.is_empty())), several))
}

/// The status with this name.
pub(crate) fn status(name: &str) -> Result<Status, Failure> {
    let unknown =
        || Failure::invalid("status", format!("must be one of {}", STATUSES.map(Status::name).join(", ")));
    Status::from_name(name).ok_or_else(unknown)
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
    fn one_parameter_may_be_repeated() {
        let (once, several) = parse_repeated("s=A&a=1&s=B&s=", ["a"], "s").unwrap();
        assert_eq!((once, several), ([Some(Cow::from("1"))], vec![Cow::from("A"), Cow::from("B")]));
        for wrong in ["a=1&a=2", "b=1"] {
            assert!(parse_repeated(wrong, ["a"], "s").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_malformed_escape_is_part_of_the_value() {
        for (query, value) in [("a=%", "%"), ("a=%4", "%4"), ("a=%zz", "%zz"), ("a=%ff", "\u{fffd}")] {
            assert_eq!(parse(query, ["a"]).unwrap(), [Some(Cow::from(value))], "{query}");
        }
    }
}
