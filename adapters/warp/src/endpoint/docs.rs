//! `/docs`: the API's page. The binary contains all of its files.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::http::StatusCode;
use utoipa_swagger_ui::Config;
use warp::reply::Response;

use crate::context::Context;
use crate::output::failure::Failure;
use crate::output::reply;

/// A file of the page; `file` is the rest of the path after `/docs`.
pub(crate) fn page(context: &Context, file: &str) -> Result<Response, Failure> {
    let name = file.trim_start_matches('/');
    let config = Arc::new(Config::from(format!("{}/openapi.json", context.config.base_path)));
    let found = utoipa_swagger_ui::serve(name, config).ok().flatten().ok_or_else(Failure::unknown_path)?;
    let content_type = HeaderValue::try_from(found.content_type);
    let content_type = content_type.unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let mut bytes = Bytes::from(found.bytes.into_owned());
    if file.is_empty() {
        // The page names its files relative to `/docs/`; it is served without that slash here.
        let html = String::from_utf8_lossy(&bytes).replacen("<head>", "<head><base href=\"docs/\">", 1);
        bytes = Bytes::from(html);
    }
    Ok(reply::typed(StatusCode::OK, content_type, context.service.budget().hold(bytes)?))
}
