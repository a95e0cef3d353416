//! The OpenAPI document. Enums and limits are derived from the core's table and constants.

mod paths;
mod schemas;
mod streams;
mod webhooks;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Info, OpenApi, OpenApiBuilder, Server};

/// The OpenAPI 3.1 document of this API, as JSON: the reply of `/openapi.json`.
#[must_use]
pub fn openapi_json() -> String {
    json("")
}

/// The document of an API that is mounted below `base_path`.
pub(crate) fn json(base_path: &str) -> String {
    let mut document = document();
    if !base_path.is_empty() {
        document.servers = Some(vec![Server::new(base_path)]);
    }
    // Texts, numbers and maps of them always serialize.
    document.to_json().unwrap_or_default()
}

fn document() -> OpenApi {
    let mut info = Info::new("Orders and deliveries", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    let components = schemas::all()
        .into_iter()
        .fold(ComponentsBuilder::new(), |components, (name, schema)| components.schema(name, schema));
    let components = schemes()
        .into_iter()
        .fold(components, |components, (name, scheme)| components.security_scheme(name, scheme));
    OpenApiBuilder::new().info(info).paths(paths::all()).components(Some(components.build())).build()
}

/// The name of the scheme of tokens and API keys.
const BEARER: &str = "bearer";
/// The name of the scheme of client certificates.
const CERTIFICATE: &str = "certificate";

fn schemes() -> [(&'static str, SecurityScheme); 2] {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(BEARER_DESCRIPTION));
    let certificate = SecurityScheme::MutualTls {
        description: Some("A client certificate.".to_owned()),
        deprecated: None,
        extensions: None,
    };
    [(BEARER, SecurityScheme::Http(bearer.build())), (CERTIFICATE, certificate)]
}

const BEARER_DESCRIPTION: &str = "A JWT or an API key. A server without authentication ignores it.";

const DESCRIPTION: &str = "Places orders, shows them, and moves them through their lifecycle. Every error is JSON with a \
    sentence (`error`) and a stable code for programs (`code`).";
