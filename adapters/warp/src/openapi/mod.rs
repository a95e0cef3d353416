//! The OpenAPI document. What can follow from the core's table and limits does: no enum is written down here.

mod paths;
mod schemas;

use utoipa::openapi::{ComponentsBuilder, Info, OpenApi, OpenApiBuilder};

/// The OpenAPI 3.1 document of this API, as JSON: what `/openapi.json` answers.
#[must_use]
pub fn openapi_json() -> String {
    // Texts, numbers and maps of them: nothing fails to serialize.
    document().to_json().unwrap_or_default()
}

fn document() -> OpenApi {
    let mut info = Info::new("Orders and deliveries", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    let components = schemas::all()
        .into_iter()
        .fold(ComponentsBuilder::new(), |components, (name, schema)| components.schema(name, schema));
    OpenApiBuilder::new().info(info).paths(paths::all()).components(Some(components.build())).build()
}

const DESCRIPTION: &str = "Places orders, shows them, and moves them through their lifecycle. Every error is JSON with a \
    sentence (`error`) and a code that programs can rely on (`code`).";
