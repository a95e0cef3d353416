//! From a request to whoever answers it.

use std::sync::Arc;

use bytes::Buf;
use futures::Stream;
use hyper::header::HeaderMap;
use hyper::http::{Method, StatusCode};
use logistics_core::OrderId;
use warp::Filter;
use warp::path::FullPath;
use warp::reply::Response;

use crate::context::Context;
use crate::failure::Failure;
use crate::route::Resource;
use crate::{body, events, health, list, log, lookup, place, reply, step};

/// Every route as one filter.
///
/// A filter for each route, joined by `or`, would try one after the other, allocate a rejection for each that does not
/// match, and then have to guess from those rejections whether the path or the method was wrong. One filter that matches
/// every request and a `match` on path and method is quicker and says which of the two it was.
pub(crate) fn routes(
    context: Arc<Context>,
) -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method, path: FullPath, query: String, headers, body| {
            let context = context.clone();
            async move {
                let call = Call { method, query, headers, body };
                let answer = answer(&context, path.as_str(), call).await;
                answer.unwrap_or_else(Failure::into_response)
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
    // The server leaves out the body of the reply to HEAD by itself.
    let reads = method == Method::GET || method == Method::HEAD;
    let writes = method == Method::POST;
    match resource {
        Resource::Orders if writes => {
            let body = body::read(&headers, body, &context.config).await?;
            place::place(context, &headers, &body).await
        }
        Resource::Cancel(id) if writes => {
            let id = order_id(id)?;
            let body = body::read(&headers, body, &context.config).await?;
            step::cancel(context, id, &headers, &body).await
        }
        Resource::Transitions(id) if writes => {
            let id = order_id(id)?;
            let body = body::read(&headers, body, &context.config).await?;
            step::transition(context, id, &headers, &body).await
        }
        Resource::Orders if reads => list::list(context, &query).await,
        Resource::Order(id) if reads => lookup::order(context, &order_id(id)?, &headers).await,
        Resource::Events(id) if reads => events::history(context, &order_id(id)?, &headers).await,
        Resource::Log { topic, partition } if reads => {
            log::log(context, topic, partition, &query, &headers).await
        }
        Resource::Live if reads => Ok(health::live()),
        Resource::Ready if reads => Ok(health::ready(context)),
        Resource::OpenApi if reads => Ok(reply::json(StatusCode::OK, context.openapi.clone())),
        #[cfg(feature = "docs-page")]
        Resource::Docs(file) if reads => crate::docs::page(file),
        _ => Err(Failure::method_not_allowed(resource.allow())),
    }
}

fn order_id(text: &str) -> Result<OrderId, Failure> {
    OrderId::parse(text).map_err(|error| {
        Failure::new(StatusCode::BAD_REQUEST, "invalid_request", error.to_string()).field(error.what())
    })
}
