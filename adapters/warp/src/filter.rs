//! The API as a warp filter.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::header::HeaderMap;
use hyper::http::Method;
use hyper::http::uri::Authority;
use hyper::upgrade::OnUpgrade;
use warp::path::Tail;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::config::Config;
use crate::context::{Api, Context, Served};
use crate::handle::{Call, Target, handle};
use crate::peer::Peer;

/// The API as a warp filter, to mount into a warp server: as it is, or below a path.
///
/// The filter answers every request, with 404 where the API has no such path. So it comes last among filters joined by `or`.
/// Below a path (`warp::path("shop").and(..)`), set [`Config::base_path`] too.
///
/// The embedding server is responsible for its connections: [the settings that apply](crate#embedding).
pub fn filter(
    config: Config,
    api: Api,
) -> impl Filter<Extract = (impl Reply + use<>,), Error = Rejection> + Clone + Send + Sync + 'static {
    routes(Arc::new(Served::Api(Box::new(Context::new(api, config)))))
}

/// Every route as one filter.
///
/// One filter for each route, joined by `or`, would try one after the other and allocate a rejection for each that does not
/// match. The rejections do not show whether the path or the method was wrong. A `match` on path and method is quicker and
/// shows which.
pub(crate) fn routes(
    served: Arc<Served>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    // warp rejects a `Host` that differs from the authority of the target, or is none.
    let authority = warp::host::optional().map(Ok).or_else(|_| async { Ok::<_, Infallible>((Err(()),)) });
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(authority)
        .and(warp::path::tail())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::ext::optional::<OnUpgrade>())
        .and(warp::body::stream())
        .then(
            move |method: Method,
                  authority: Result<Option<Authority>, ()>,
                  path: Tail,
                  query: String,
                  headers: HeaderMap,
                  peer: Option<Peer>,
                  upgrade: Option<OnUpgrade>,
                  body| {
                let served = served.clone();
                async move {
                    let call = Call {
                        method: &method,
                        authority: match &authority {
                            Ok(None) => Target::Relative,
                            Ok(Some(authority)) => Target::Authority(authority.as_str()),
                            Err(()) => Target::Conflict,
                        },
                        path: path.as_str(),
                        query: &query,
                        headers: &headers,
                        peer: peer.as_ref(),
                        upgrade,
                        body,
                    };
                    handle(&served, call).await
                }
            },
        )
}
