//! A JSON object, parsed field by field, so that an error can name its field.

use std::borrow::Cow;
use std::fmt;

use hyper::http::StatusCode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::output::failure::Failure;

/// The fields of a request's body.
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Parses an object that has only `known` fields, each at most once. An empty body has no fields.
    pub(crate) fn parse(body: &'a [u8], known: &[&'static str]) -> Result<Self, Failure> {
        if body.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let text =
            std::str::from_utf8(body).map_err(|error| not_json(format!("it is not UTF-8: {error}")))?;
        let Self(fields) = serde_json::from_str(text).map_err(|error| not_json(error.to_string()))?;
        for (at, (name, _)) in fields.iter().enumerate() {
            if !known.contains(&&**name) {
                let problem = format!("unknown field; there are {}", known.join(", "));
                return Err(Failure::invalid(name.clone().into_owned(), problem));
            }
            // Quick: the first repetition ends the loop, so at most `known.len()` fields precede it.
            if fields[..at].iter().any(|(other, _)| other == name) {
                return Err(Failure::invalid(name.clone().into_owned(), "must occur once"));
            }
        }
        Ok(Self(fields))
    }

    /// Whether the body has the field, even as null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// The JSON of a field; `None` where it is missing or null.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        let field = self.0.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.get()).filter(|json| *json != "null")
    }

    /// The value of a field; `None` where it is missing or null.
    pub(crate) fn value<T: Deserialize<'a>>(&self, name: &'static str) -> Result<Option<T>, Failure> {
        let Some(json) = self.raw(name) else { return Ok(None) };
        serde_json::from_str(json).map(Some).map_err(|error| {
            // Its position counts from the start of the field, which would mislead.
            let problem = error.to_string();
            Failure::invalid(name, problem.split(" at line ").next().unwrap_or_default())
        })
    }

    /// The value of a field that is one of `names`.
    pub(crate) fn named<T>(
        &self,
        name: &'static str,
        names: &[&'static str],
        parse: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.value::<String>(name)? else { return Ok(None) };
        let unknown = || Failure::invalid(name, format!("must be one of {}", names.join(", ")));
        parse(&text).map(Some).ok_or_else(unknown)
    }
}

fn not_json(problem: String) -> Failure {
    let error = format!("The body is not a valid JSON object: {problem}");
    Failure::new(StatusCode::BAD_REQUEST, "invalid_json", error)
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        #[derive(serde::Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    fields.push((name, value));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object).map(Fields)
    }
}
