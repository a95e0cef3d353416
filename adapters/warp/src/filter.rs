//! From a request to its handler.

use std::sync::Arc;

use bytes::Buf;
use futures::Stream;
use hyper::header::HeaderMap;
use hyper::http::{Method, StatusCode};
use logistics_core::{OrderId, RequestId};
use warp::Filter;
use warp::path::FullPath;
use warp::reply::Response;

use crate::context::{Context, HealthContext, Served};
use crate::failure::Failure;
use crate::route::Resource;
use crate::{body, events, health, list, log, order, place, reply, request, site, transition};

/// Every route as one filter.
///
/// A filter for each route, joined by `or`, would try one after the other, allocate a rejection for each that does not
/// match, and then have to guess from those rejections whether the path or the method was wrong. One filter that matches
/// every request and a `match` on path and method is quicker and knows which of the two it was.
pub(crate) fn routes(
    served: Arc<Served>,
) -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method, path: FullPath, query: String, headers, body| {
            let served = served.clone();
            async move {
                let origin = match site::admit(served.config(), &method, path.as_str(), &headers) {
                    Ok(site::Admitted::Preflight(response)) => return response,
                    Ok(site::Admitted::Request(origin)) => origin,
                    Err(failure) => return failure.into_response(),
                };
                let call = Call { method, query, headers, body };
                let answer = match &*served {
                    Served::Api(context) => answer(context, path.as_str(), call).await,
                    Served::Health(context) => health_alone(context, path.as_str(), &call.method),
                };
                site::allowed(answer.unwrap_or_else(Failure::into_response), origin)
            }
        })
}

struct Call<B> {
    method: Method,
    query: String,
    headers: HeaderMap,
    body: B,
}

async fn answer<B, D>(context: &Context, path: &str, call: Call<B>) -> Result<Response, Failure>
where
    B: Stream<Item = Result<D, warp::Error>> + Send,
    D: Buf,
{
    let Call { method, query, headers, body } = call;
    let resource = Resource::of(path).ok_or_else(Failure::unknown_path)?;
    let reads = reads(&method);
    let writes = method == Method::POST;
    match resource {
        Resource::Orders if writes => {
            let body = body::read(context, &headers, body).await?;
            place::place(context, &headers, &body).await
        }
        Resource::Cancel(id) if writes => {
            let id = order_id(id)?;
            let body = body::read(context, &headers, body).await?;
            transition::cancel(context, id, &headers, &body).await
        }
        Resource::Transitions(id) if writes => {
            let id = order_id(id)?;
            let body = body::read(context, &headers, body).await?;
            transition::transition(context, id, &headers, &body).await
        }
        Resource::Orders if reads => list::list(context, &query).await,
        Resource::Order(id) if reads => order::order(context, &order_id(id)?, &headers).await,
        Resource::Events(id) if reads => events::history(context, &order_id(id)?, &headers).await,
        Resource::Request { order, request } if reads => {
            let id = RequestId::parse(request)
                .map_err(|error| Failure::invalid("request_id", error.to_string()))?;
            request::outcome(context, &order_id(order)?, &id, &headers).await
        }
        Resource::Log { topic, partition } if reads => {
            log::log(context, topic, partition, &query, &headers).await
        }
        Resource::Live if reads => Ok(health::live()),
        Resource::Ready if reads => {
            Ok(health::ready(context.health.as_ref(), &context.config, &context.closing))
        }
        Resource::OpenApi if reads => Ok(reply::json(StatusCode::OK, context.openapi.clone())),
        #[cfg(feature = "docs-page")]
        Resource::Docs(file) if reads => crate::docs::page(context, file),
        _ => Err(Failure::method_not_allowed(resource.allow())),
    }
}

/// Of a server that has nothing else to say.
fn health_alone(context: &HealthContext, path: &str, method: &Method) -> Result<Response, Failure> {
    match Resource::of(path) {
        Some(Resource::Live) if reads(method) => Ok(health::live()),
        Some(Resource::Ready) if reads(method) => {
            Ok(health::ready(context.health.as_ref(), &context.config, &context.closing))
        }
        Some(resource @ (Resource::Live | Resource::Ready)) => {
            Err(Failure::method_not_allowed(resource.allow()))
        }
        _ => Err(Failure::health_alone()),
    }
}

/// The server leaves out the body of the reply to HEAD by itself.
fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn order_id(text: &str) -> Result<OrderId, Failure> {
    OrderId::parse(text).map_err(|error| {
        Failure::new(StatusCode::BAD_REQUEST, "invalid_request", error.to_string()).field(error.what())
    })
}
