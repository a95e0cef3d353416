//! Whether two JSON texts have the same value.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Both texts have the same value. They are JSON of bounded length and depth. A text that is not JSON equals only itself.
pub(super) fn same_value(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => same_objects(a, b),
        (Some(b'['), Some(b'[')) => same_arrays(a, b),
        (Some(b'"'), Some(b'"')) => same_strings(a, b),
        (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) => Number::of(a) == Number::of(b),
        // `true`, `false` and `null` have one spelling.
        _ => false,
    }
}

fn same_objects(a: &str, b: &str) -> bool {
    // Of a repeated key, a map keeps the last one.
    let fields = |text| serde_json::from_str::<BTreeMap<String, &RawValue>>(text);
    let (Ok(a), Ok(b)) = (fields(a), fields(b)) else { return false };
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && same_value(a.1.get(), b.1.get()))
}

fn same_arrays(a: &str, b: &str) -> bool {
    let items = |text| serde_json::from_str::<Vec<&RawValue>>(text);
    let (Ok(a), Ok(b)) = (items(a), items(b)) else { return false };
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same_value(a.get(), b.get()))
}

fn same_strings(a: &str, b: &str) -> bool {
    let text = |json| serde_json::from_str::<String>(json);
    matches!((text(a), text(b)), (Ok(a), Ok(b)) if a == b)
}

/// A number as `±digits × 10^exponent`, where the digits neither begin nor end with 0. Zero has no digits and no sign.
#[derive(Debug, Default, PartialEq, Eq)]
struct Number {
    negative: bool,
    digits: String,
    exponent: Exponent,
}

impl Number {
    /// Of a JSON number.
    fn of(json: &str) -> Self {
        let (negative, json) = split_sign(json);
        let (decimal, exponent) = json.split_once(['e', 'E']).unwrap_or((json, ""));
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Self::default();
        }
        let shift = length(digits.len() - significant.len()) - length(fraction.len());
        let digits = significant.trim_start_matches('0').to_owned();
        Self { negative, digits, exponent: Exponent::of(exponent, shift) }
    }
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// A number's length. The length of the details bounds it.
fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Digits in one limb.
const LIMB_DIGITS: usize = 9;
const LIMB: i64 = 1_000_000_000;

/// A whole number of any length: limbs of nine digits, the lowest first. `above` extends the sign: 0, or -1 for a
/// negative number. There are no redundant limbs, so each number has one form.
#[derive(Debug, Default, PartialEq, Eq)]
struct Exponent {
    limbs: Vec<i64>,
    above: i64,
}

impl Exponent {
    /// Of an exponent's digits with their sign, plus `shift`.
    fn of(text: &str, shift: i64) -> Self {
        let (negative, digits) = split_sign(text);
        let sign = if negative { -1 } else { 1 };
        let mut limbs: Vec<i64> =
            digits.as_bytes().rchunks(LIMB_DIGITS).map(|limb| sign * value(limb)).collect();
        // Room for the carry of the shift.
        limbs.push(0);
        let mut above = shift;
        for limb in &mut limbs {
            let sum = *limb + above;
            *limb = sum.rem_euclid(LIMB);
            above = sum.div_euclid(LIMB);
        }
        let redundant = if above < 0 { LIMB - 1 } else { 0 };
        while limbs.last() == Some(&redundant) {
            limbs.pop();
        }
        Self { limbs, above }
    }
}

/// At most nine digits.
fn value(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::DETAILS_BYTES_MAX;

    #[test]
    fn numbers_compare_exactly_at_any_length() {
        let same = [
            ("1", "1.0"),
            ("1", "1e0"),
            ("1", "10E-1"),
            ("1e2", "100"),
            ("1e+2", "1.00e0000002"),
            ("0", "-0"),
            ("0", "-0.000e99999999999999999999999999"),
            ("0.001", "1e-3"),
            ("-12.50", "-125e-1"),
            ("1e1000000000000000000000000000", "10e999999999999999999999999999"),
            ("1e-1000000000000000000000000000", "0.1e-999999999999999999999999999"),
            ("1e-1", "0.1"),
            ("10e-1000000001", "1e-1000000000"),
        ];
        for (a, b) in same {
            assert!(same_value(a, b) && same_value(b, a), "{a} {b}");
        }
        let different = [
            ("9400111899223100001234", "9400111899223100001235"),
            ("0.1", "0.10000000000000000001"),
            ("1", "-1"),
            ("1e1", "1e-1"),
            ("1", "10"),
            ("0", "1e-99999999999999999999"),
            ("1e99999999999999999999", "1e99999999999999999998"),
            ("1e400", "1e401"),
            ("1", "\"1\""),
            ("0", "null"),
            ("1", "true"),
        ];
        for (a, b) in different {
            assert!(!same_value(a, b) && !same_value(b, a), "{a} {b}");
        }
    }

    #[test]
    fn objects_compare_by_key_and_the_last_of_two_counts() {
        assert!(same_value(r#"{"a":1,"a":[2.0],"b":null}"#, r#"{ "b": null, "\u0061" : [ 2 ] }"#));
        assert!(!same_value(r#"{"a":2,"a":1}"#, r#"{"a":2}"#));
        assert!(!same_value(r#"{"a":1}"#, r#"{"a":1,"b":null}"#));
        assert!(!same_value("[1,2]", "[2,1]"));
        assert!(!same_value("[1]", "[1,1]"));
        assert!(same_value(r#""\u00e4\/""#, "\"ä/\""));
        assert!(!same_value("{}", "[]"));
        assert!(!same_value("true", "false"));
    }

    #[test]
    fn the_longest_numbers_compare() {
        let long = "7".repeat(DETAILS_BYTES_MAX - 2);
        assert!(same_value(&long, &format!("{long}.0")));
        assert!(!same_value(&long, &format!("{long}8")));
        let exponent = "9".repeat(DETAILS_BYTES_MAX - 2);
        let next = format!("1{}", "0".repeat(exponent.len()));
        assert!(same_value(&format!("10e{exponent}"), &format!("1e{next}")));
        assert!(same_value(&format!("0.1e-{exponent}"), &format!("1e-{next}")));
        assert!(!same_value(&format!("1e{exponent}"), &format!("1e{next}")));
    }

    proptest! {
        #[test]
        fn a_number_is_the_same_however_the_point_is_moved(
            digits in "[1-9][0-9]{0,60}",
            negative: bool,
            zeros in 0_usize..40,
            exponent in -1_000_000_000_000_i64..1_000_000_000_000,
        ) {
            let sign = if negative { "-" } else { "" };
            let plain = format!("{sign}{digits}e{exponent}");
            let pad = "0".repeat(zeros);
            let shift = i64::try_from(zeros).unwrap();
            let longer = format!("{sign}{digits}{pad}E{}", exponent - shift);
            prop_assert!(same_value(&plain, &longer));
            let places = i64::try_from(digits.len()).unwrap();
            let fraction = format!("{sign}0.{pad}{digits}{pad}e{}", exponent + shift + places);
            prop_assert!(same_value(&plain, &fraction), "{plain} {fraction}");
            let other = format!("{sign}{digits}{pad}e{}", exponent - shift + 1);
            prop_assert!(!same_value(&plain, &other));
        }

        #[test]
        fn whole_numbers_are_the_same_when_they_are_equal(a: i128, b: i128, near in -2_i128..3) {
            let text = |number: i128| format!("{number}");
            let longer = format!("{a}.000");
            prop_assert!(same_value(&text(a), &longer));
            prop_assert_eq!(same_value(&text(a), &text(b)), a == b);
            prop_assert_eq!(same_value(&text(a), &text(a.saturating_add(near))), a.saturating_add(near) == a);
        }
    }
}
