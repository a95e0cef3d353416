//! The files of the page. The binary contains them.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::http::StatusCode;
use warp::reply::Response;

use crate::context::Context;
use crate::output::failure::Failure;
use crate::output::reply;

const STYLE: &str = include_str!("assets/track.css");
const SCRIPT: &str = include_str!("assets/track.js");

/// A file of the page. The style ends with the one of the configuration.
pub(crate) fn asset(context: &Context, file: &str) -> Result<Response, Failure> {
    let (content_type, body) = match file {
        "track.css" => {
            ("text/css; charset=utf-8", Bytes::from([STYLE, &context.config.track_style].concat()))
        }
        "track.js" => ("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT.as_bytes())),
        _ => return Err(Failure::unknown_path()),
    };
    Ok(reply::typed(
        StatusCode::OK,
        HeaderValue::from_static(content_type),
        context.service.budget().hold(body)?,
    ))
}

/// Names a version of the files, so that a browser does not combine files of two releases.
pub(super) fn version(style: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (STYLE, SCRIPT, style).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
