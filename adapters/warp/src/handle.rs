//! Dispatches a request to its handler. The filter and the service share it.

use std::net::IpAddr;

use bytes::Buf;
use futures::{Stream, StreamExt};
use hyper::header::HeaderMap;
use hyper::http::{Method, StatusCode};
use hyper::upgrade::OnUpgrade;
use logistics_core::{OrderId, RequestId};
use logistics_service::{LimitState, Principal, ServiceError};
use tracing::Instrument;
use warp::reply::Response;

use crate::audited::Audited;
use crate::caller;
use crate::client_address::client_address;
use crate::context::{Context, Served};
use crate::endpoint::webhooks::{self, WebhookCall};
use crate::endpoint::{
    assignment, events, health, list, log, metrics, order, place, request, tracking_link, transition,
};
use crate::health_alone::health_alone;
use crate::input::{body, request_id};
use crate::limit;
use crate::live;
use crate::output::failure::Failure;
use crate::output::{reply, security};
use crate::peer::Peer;
use crate::reported::Reported;
use crate::route::Resource;
use crate::site;
use crate::track;

/// A request.
pub(crate) struct Call<'a, B> {
    pub(crate) method: &'a Method,
    /// The authority of the request's target. HTTP/2 sends it in place of `Host`.
    pub(crate) authority: Target<'a>,
    /// The path below the mount point, without a slash at its start.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) peer: Option<&'a Peer>,
    /// The connection after the reply, if it can be upgraded.
    pub(crate) upgrade: Option<OnUpgrade>,
    pub(crate) body: B,
}

impl<'a, B> Call<'a, B> {
    /// The request with another body.
    fn map_body<C>(self, map: impl FnOnce(B) -> C) -> Call<'a, C> {
        let Self { method, authority, path, query, headers, peer, upgrade, body } = self;
        Call { method, authority, path, query, headers, peer, upgrade, body: map(body) }
    }
}

/// The authority of a request's target.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    /// The target has none, as usual in HTTP/1.
    Relative,
    /// It is that of `Host`, or there is no `Host`.
    Authority(&'a str),
    /// It differs from `Host`, or `Host` is no authority.
    Conflict,
}

/// The reply to a request.
pub(crate) async fn handle<B, D, E>(served: &Served, call: Call<'_, B>) -> Response
where
    B: Stream<Item = Result<D, E>> + Send,
    D: Buf + Send,
    E: Send,
{
    let (path, is_tls) = (call.path, call.peer.is_some_and(|peer| peer.is_tls));
    let response = match served {
        Served::Api(context) => reported(context, call).await,
        Served::Health(context) => health_alone(context, &call),
    };
    security::protect(response, served.config(), path, is_tls)
}

/// The reply of the API. Observers see the request, whatever becomes of it.
async fn reported<B, D, E>(context: &Context, call: Call<'_, B>) -> Response
where
    B: Stream<Item = Result<D, E>> + Send,
    D: Buf + Send,
    E: Send,
{
    let request_id = request_id::of(call.headers);
    let reported = Reported::begin(&context.service, &call, &request_id);
    let counted = call.map_body(|body| body.inspect(|chunk| reported.read(chunk)));
    let mut response = respond(context, counted, &reported).instrument(reported.log_span()).await;
    reported.ended(&mut response);
    response
}

async fn respond<B, D, E>(context: &Context, call: Call<'_, B>, reported: &Reported<'_>) -> Response
where
    B: Stream<Item = Result<D, E>> + Send,
    D: Buf + Send,
    E: Send,
{
    let refused = |failure: Failure| failure.traced(reported.context()).into_response();
    if call.peer.is_some_and(|peer| peer.is_refused) {
        return refused(ServiceError::Overloaded.into());
    }
    let is_probe = matches!(Resource::of(call.path), Some(Resource::Live | Resource::Ready));
    let origin = match site::admit(&context.config, &call, is_probe) {
        Ok(site::Admitted::Request(origin)) => origin,
        Ok(site::Admitted::Preflight(response)) => return response,
        Err(failure) => return refused(failure),
    };
    let mut state = None;
    let (path, query, headers) = (call.path, call.query, call.headers);
    let answer = admitted(context, call, reported, &mut state).await;
    let mut response = answer.unwrap_or_else(|failure| match Resource::of(path) {
        Some(Resource::Track(_)) => track::failed(context, &failure, query, headers),
        _ => refused(failure),
    });
    limit::show(&mut response, state);
    site::allowed(request_id::named(response, reported.request_id()), origin)
}

/// `state`: that of the rate limit, if the request has one.
async fn admitted<B, D, E>(
    context: &Context,
    call: Call<'_, B>,
    reported: &Reported<'_>,
    state: &mut Option<LimitState>,
) -> Result<Response, Failure>
where
    B: Stream<Item = Result<D, E>> + Send,
    D: Buf + Send,
    E: Send,
{
    let resource = Resource::of(call.path).ok_or_else(Failure::unknown_path)?;
    let address = client_address(&context.config, call.headers, call.peer);
    let audited = Audited::new(context, resource, call.method, address, reported.request_id());
    if resource == Resource::Socket && live::identifies_later(context, call.headers, call.peer) {
        limit::unidentified(context, address, state).await?;
        return live::upgrade(context, (None, address), &call);
    }
    let token = caller::tracking_token(resource, call.method, call.query);
    let caller = match limit::identify(
        context,
        (resource, call.method),
        token.as_deref(),
        call.headers,
        call.peer,
        address,
        state,
    )
    .await
    {
        Ok(caller) => caller,
        Err(failure) => {
            audited.record(None, Err(&failure));
            return Err(failure);
        }
    };
    let running = audited.started(&caller);
    let result = dispatch(context, resource, (&caller, address), call, reported).await;
    running.ended(result.as_ref());
    result.map_err(|failure| failure.to(&caller))
}

async fn dispatch<B, D, E>(
    context: &Context,
    resource: Resource<'_>,
    (caller, address): (&Principal, Option<IpAddr>),
    call: Call<'_, B>,
    reported: &Reported<'_>,
) -> Result<Response, Failure>
where
    B: Stream<Item = Result<D, E>> + Send,
    D: Buf + Send,
    E: Send,
{
    if resource == Resource::Socket {
        return live::upgrade(context, (Some(caller), address), &call);
    }
    let Call { method, query, headers, body, .. } = call;
    let reads = reads(method);
    let writes = method == Method::POST;
    match resource {
        Resource::Orders if writes => {
            let body = body::read(context, headers, body).await?;
            place::place(context, caller, headers, reported.trace(), &body).await
        }
        Resource::Cancel(id) if writes => {
            let id = order_id(id)?;
            let body = body::read(context, headers, body).await?;
            transition::cancel(context, caller, id, headers, reported.trace(), &body).await
        }
        Resource::Transitions(id) if writes => {
            let id = order_id(id)?;
            let body = body::read(context, headers, body).await?;
            transition::transition(context, caller, id, headers, reported.trace(), &body).await
        }
        Resource::Assignment(id) if writes => {
            let id = order_id(id)?;
            let body = body::read(context, headers, body).await?;
            assignment::assign(context, caller, id, headers, reported.trace(), &body).await
        }
        Resource::TrackingLink(id) if writes => {
            let id = order_id(id)?;
            let body = body::read(context, headers, body).await?;
            tracking_link::create(context, caller, id, &body).await
        }
        Resource::TrackingLink(id) if method == Method::DELETE => {
            let id = order_id(id)?;
            let body = body::read(context, headers, body).await?;
            tracking_link::revoke(context, caller, id, headers, reported.trace(), &body).await
        }
        Resource::Track(id) if reads => track::page(context, caller, &order_id(id)?, query, headers).await,
        Resource::TrackAsset(file) if reads => track::asset(context, file),
        Resource::Orders if reads => list::list(context, caller, query).await,
        Resource::Order(id) if reads => order::order(context, caller, &order_id(id)?, headers).await,
        Resource::Events(id) if live::is_wanted(context, method, headers) => {
            live::order(context, (caller, address), &order_id(id)?, query, headers).await
        }
        Resource::Events(id) if reads => events::history(context, caller, &order_id(id)?, headers).await,
        Resource::AllEvents if reads && context.service.feed().is_none() => Err(Failure::without_streams()),
        Resource::AllEvents if *method == Method::GET => {
            live::all(context, (caller, address), query, headers).await
        }
        Resource::Request { order, request } if reads => {
            let id = RequestId::parse(request)
                .map_err(|error| Failure::invalid("request_id", error.to_string()))?;
            request::outcome(context, caller, &order_id(order)?, &id, headers).await
        }
        Resource::Log { topic, partition } if reads => {
            log::log(context, caller, topic, partition, query, headers).await
        }
        Resource::Webhooks(path) => {
            let webhooks = context.webhooks.as_ref().ok_or_else(Failure::unknown_path)?;
            if !path.has(method) {
                return Err(Failure::method_not_allowed(path.allow()));
            }
            let body = if reads { None } else { Some(body::read(context, headers, body).await?) };
            let body = body.as_deref().unwrap_or_default();
            let config = &context.config;
            let call = WebhookCall { config, caller, path, method, query, headers, body };
            webhooks::respond(webhooks, call).await
        }
        Resource::Live if reads => Ok(health::live()),
        Resource::Ready if reads => {
            Ok(health::ready(context.health.as_ref(), &context.config, &context.closing))
        }
        Resource::Metrics if reads => match &context.metrics {
            Some(exposition) => metrics::metrics(caller, exposition.as_ref()),
            None => Err(Failure::unknown_path()),
        },
        Resource::OpenApi if reads => Ok(reply::json(StatusCode::OK, context.openapi.clone())),
        #[cfg(feature = "docs-page")]
        Resource::Docs(file) if reads => crate::endpoint::docs::page(context, file),
        _ => Err(Failure::method_not_allowed(resource.allow())),
    }
}

/// The method reads. hyper omits the body of a reply to HEAD.
pub(crate) fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn order_id(text: &str) -> Result<OrderId, Failure> {
    OrderId::parse(text).map_err(|error| {
        Failure::new(StatusCode::BAD_REQUEST, "invalid_request", error.to_string()).field(error.what())
    })
}
