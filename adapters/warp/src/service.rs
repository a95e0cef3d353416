//! The API as a tower service.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Body;
use hyper::header::{HOST, HeaderMap};
use hyper::http::uri::Authority;
use hyper::upgrade::OnUpgrade;
use tower_service::Service;
use warp::reply::Response;

use crate::config::Config;
use crate::context::{Api, Context, Served};
use crate::handle::{Call, Target, handle};
use crate::peer::Peer;

/// The API as a [`tower_service::Service`], to mount into a server of axum, tonic or hyper.
///
/// The service answers every request, with 404 where the API has no such path, and never fails. Mount it as a fallback, or below
/// a path with a router that removes that path from the request (axum's `nest_service` does). In that case set
/// [`Config::base_path`] too.
///
/// The embedding server is responsible for its connections: [the settings that apply](crate#embedding).
pub fn service(config: Config, api: Api) -> ApiService {
    ApiService { served: Arc::new(Served::Api(Box::new(Context::new(api, config)))) }
}

/// The API as a tower service; [`service()`] makes it. Clones are handles of one service.
#[derive(Clone)]
#[must_use = "a service answers nothing until a server calls it"]
pub struct ApiService {
    served: Arc<Served>,
}

impl fmt::Debug for ApiService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiService").field("config", self.served.config()).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for ApiService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let served = self.served.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let path = head.uri.path();
            let call = Call {
                method: &head.method,
                authority: target(head.uri.authority(), &head.headers),
                path: path.strip_prefix('/').unwrap_or(path),
                query: head.uri.query().unwrap_or_default(),
                headers: &head.headers,
                peer: head.extensions.get::<Peer>(),
                upgrade: head.extensions.get::<OnUpgrade>().cloned(),
                body: body.into_data_stream(),
            };
            Ok(handle(&served, call).await)
        })
    }
}

/// The authority of a request's target, compared with `Host`.
fn target<'a>(authority: Option<&'a Authority>, headers: &HeaderMap) -> Target<'a> {
    let host = headers.get(HOST).map(|host| Authority::try_from(host.as_bytes()));
    match (authority, host) {
        (_, Some(Err(_))) => Target::Conflict,
        (Some(authority), Some(Ok(host))) if *authority != host => Target::Conflict,
        (Some(authority), _) => Target::Authority(authority.as_str()),
        (None, _) => Target::Relative,
    }
}
