//! The language of a page.

use hyper::header::{ACCEPT_LANGUAGE, HeaderMap};

use super::words::{ENGLISH, LANGUAGES, Words};

/// The words of `?lang=`, or of the language that the browser prefers, or English.
pub(super) fn words(lang: Option<&str>, headers: &HeaderMap) -> &'static Words {
    let of = |tag: &str| {
        let primary = tag.split('-').next().unwrap_or_default();
        LANGUAGES.into_iter().find(|words| words.lang.eq_ignore_ascii_case(primary))
    };
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A `sort_by` keeps the order of equal weights.
    let mut ranges: Vec<(u16, &str)> = accepted.split(',').filter_map(weighted).collect();
    ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let preferred = ranges.into_iter().find_map(|(_, tag)| of(tag));
    lang.and_then(of).or(preferred).unwrap_or(&ENGLISH)
}

/// A range of `Accept-Language` with its weight in thousandths; `None`: not acceptable, or malformed.
fn weighted(range: &str) -> Option<(u16, &str)> {
    let (tag, parameter) = range.split_once(';').unwrap_or((range, "q=1"));
    let weight: f32 = parameter.trim().strip_prefix("q=")?.parse().ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
    let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u16;
    (thousandths > 0).then_some((thousandths, tag.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_wins_over_the_browser_and_english_is_the_last() {
        let lang = |lang, accepted: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, accepted.parse().unwrap());
            words(lang, &headers).lang
        };
        assert_eq!(lang(Some("de"), "en"), "de");
        assert_eq!(lang(Some("DE-at"), "en"), "de");
        assert_eq!(lang(Some("xx"), "de"), "de");
        assert_eq!(lang(None, "fr, de;q=0.7, en;q=0.8"), "en");
        assert_eq!(lang(None, "fr, de-CH;q=0.9, en;q=0.8"), "de");
        assert_eq!(lang(None, "de;q=0, en;q=nan, *"), "en");
        assert_eq!(words(None, &HeaderMap::new()).lang, "en");
    }
}
