//! A server without an API: the health and the metrics of a process.

use hyper::http::Method;
use warp::reply::Response;

use crate::context::HealthContext;
use crate::endpoint::{health, metrics};
use crate::handle::{Call, reads};
use crate::output::failure::Failure;
use crate::route::Resource;
use crate::site;

/// The reply of a server that serves nothing but its health and its metrics. Probes and scrapes are not reported.
pub(crate) fn health_alone<B>(context: &HealthContext, call: &Call<'_, B>) -> Response {
    let resource = Resource::of(call.path).filter(|resource| match resource {
        Resource::Live | Resource::Ready => true,
        Resource::Metrics => context.metrics.is_some(),
        _ => false,
    });
    let (origin, answer) = match site::admit(&context.config, call, resource.is_some()) {
        Ok(site::Admitted::Preflight(response)) => return response,
        Ok(site::Admitted::Request(origin)) => (origin, probed(context, resource, call.method)),
        Err(failure) => (None, Err(failure)),
    };
    site::allowed(answer.unwrap_or_else(Failure::into_response), origin)
}

/// `resource`: one that the server has.
fn probed(
    context: &HealthContext,
    resource: Option<Resource<'_>>,
    method: &Method,
) -> Result<Response, Failure> {
    let resource = resource.ok_or_else(Failure::health_alone)?;
    match (resource, &context.metrics) {
        _ if !reads(method) => Err(Failure::method_not_allowed(resource.allow())),
        (Resource::Live, _) => Ok(health::live()),
        (Resource::Metrics, Some(exposition)) => Ok(metrics::exposed(exposition.as_ref())),
        _ => Ok(health::ready(context.health.as_ref(), &context.config, &context.closing)),
    }
}
