//! The endpoints of webhooks: `/webhooks/endpoints` and what is below it.

mod input;
mod output;

use hyper::header::HeaderMap;
use hyper::http::{Method, StatusCode};
use logistics_core::webhook::EndpointId;
use logistics_service::{ChangeEndpoint, CreateEndpoint, Principal, RotateSecret, Webhooks};
use warp::reply::Response;

use crate::config::Config;
use crate::endpoint::order::not_modified;
use crate::input::fields::Fields;
use crate::input::{header, query};
use crate::output::failure::Failure;
use crate::route::WebhookPath;

pub(crate) use input::{
    CHANGE_FIELDS, CREATE_FIELDS, PAGE_ENDPOINTS, PAGE_ENDPOINTS_MAX, REDRIVE_FIELDS, ROTATE_FIELDS,
};

/// A request for a path that has its method.
pub(crate) struct WebhookCall<'a> {
    pub(crate) config: &'a Config,
    pub(crate) caller: &'a Principal,
    pub(crate) path: WebhookPath<'a>,
    pub(crate) method: &'a Method,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

pub(crate) async fn respond(webhooks: &Webhooks, call: WebhookCall<'_>) -> Result<Response, Failure> {
    let WebhookCall { caller, path, method, headers, .. } = call;
    match path {
        WebhookPath::Endpoints if *method == Method::POST => create(webhooks, &call).await,
        WebhookPath::Endpoints => {
            let (after, limit) = input::page(call.query)?;
            Ok(output::page(&webhooks.list(caller)?, after.as_ref(), limit))
        }
        WebhookPath::Endpoint(id) if *method == Method::PATCH => change(webhooks, &call, id).await,
        WebhookPath::Endpoint(id) if *method == Method::DELETE => {
            webhooks.delete(caller, &endpoint_id(id)?, header::if_match(headers)?).await?;
            Ok(output::deleted())
        }
        WebhookPath::Endpoint(id) => {
            let endpoint = webhooks.show(caller, &endpoint_id(id)?)?;
            let unchanged = not_modified(endpoint.version, headers);
            Ok(unchanged.unwrap_or_else(|| output::endpoint(StatusCode::OK, &endpoint, None)))
        }
        WebhookPath::Rotate(id) => rotate(webhooks, &call, id).await,
        WebhookPath::Test(id) => {
            let _none = Fields::parse(call.body, &[])?;
            Ok(output::tested(&webhooks.test(caller, &endpoint_id(id)?).await?))
        }
        WebhookPath::Statistics(id) => {
            let [] = query::parse(call.query, [])?;
            Ok(output::statistics(&webhooks.statistics(caller, &endpoint_id(id)?)?))
        }
        WebhookPath::DeadLetters(id) => {
            let (since, limit) = input::dead_letters(call.query)?;
            let letters = webhooks.dead_letters(caller, &endpoint_id(id)?, since)?;
            Ok(output::dead_letters(letters, limit))
        }
        WebhookPath::Redrive(id) => {
            let selection = input::redrive(&Fields::parse(call.body, REDRIVE_FIELDS)?)?;
            Ok(output::redriven(webhooks.redrive(caller, &endpoint_id(id)?, selection).await?))
        }
        WebhookPath::Enable(id) => {
            let _none = Fields::parse(call.body, &[])?;
            let expected = header::if_match(headers)?;
            let endpoint = webhooks.enable(caller, &endpoint_id(id)?, expected).await?;
            Ok(output::endpoint(StatusCode::OK, &endpoint, None))
        }
        WebhookPath::Disable(id) => {
            let _none = Fields::parse(call.body, &[])?;
            let expected = header::if_match(headers)?;
            let endpoint = webhooks.disable(caller, &endpoint_id(id)?, expected).await?;
            Ok(output::endpoint(StatusCode::OK, &endpoint, None))
        }
    }
}

async fn create(webhooks: &Webhooks, call: &WebhookCall<'_>) -> Result<Response, Failure> {
    let key = header::idempotency_key(call.headers)?;
    let fields = Fields::parse(call.body, CREATE_FIELDS)?;
    let url = fields.value("url")?.ok_or_else(|| Failure::invalid("url", "is missing"))?;
    let mut command = CreateEndpoint::new(url);
    command.event_types = input::event_types(&fields)?.unwrap_or_default();
    command.description = fields.value("description")?;
    command.reply = input::reply(&fields)?.unwrap_or_default();
    command.owner = input::owner(&fields)?;
    command.signature = input::signature(&fields)?.unwrap_or_default();
    command.secret = input::secret(&fields)?;
    command.idempotency_key = key;
    let created = webhooks.create(call.caller, command).await?;
    Ok(output::created(&call.config.base_path, &created.endpoint, created.secret.as_ref()))
}

async fn change(webhooks: &Webhooks, call: &WebhookCall<'_>, id: &str) -> Result<Response, Failure> {
    let fields = Fields::parse(call.body, CHANGE_FIELDS)?;
    let mut command = ChangeEndpoint::new(endpoint_id(id)?);
    command.url = fields.value("url")?;
    command.event_types = input::event_types(&fields)?;
    if fields.has("description") {
        command.description = Some(fields.value("description")?);
    }
    command.reply = input::reply(&fields)?;
    command.expected_version = header::if_match(call.headers)?;
    let endpoint = webhooks.change(call.caller, command).await?;
    Ok(output::endpoint(StatusCode::OK, &endpoint, None))
}

async fn rotate(webhooks: &Webhooks, call: &WebhookCall<'_>, id: &str) -> Result<Response, Failure> {
    let fields = Fields::parse(call.body, ROTATE_FIELDS)?;
    let mut command = RotateSecret::new(endpoint_id(id)?);
    command.overlap_ms = fields.value::<u64>("overlap_s")?.map(|seconds| seconds.saturating_mul(1000));
    command.signature = input::signature(&fields)?;
    command.secret = input::secret(&fields)?;
    command.expected_version = header::if_match(call.headers)?;
    let rotated = webhooks.rotate(call.caller, command).await?;
    Ok(output::endpoint(StatusCode::OK, &rotated.endpoint, rotated.secret.as_ref()))
}

fn endpoint_id(text: &str) -> Result<EndpointId, Failure> {
    EndpointId::parse(text).map_err(|error| {
        Failure::new(StatusCode::BAD_REQUEST, "invalid_request", error.to_string()).field(error.what())
    })
}
