//! The peer of a connection reaches the endpoints.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use logistics_service::{AuthError, Authenticator, Credentials, Principal};
use logistics_warp::{Config, bind};

use crate::client::{Reply, request, send};
use crate::test_server::TestServer;

/// Records the addresses and the certificates of callers.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Caller>>);

/// The address, and the certificate.
type Caller = (Option<IpAddr>, Option<Vec<u8>>);

impl Recorder {
    fn take(&self) -> Vec<Caller> {
        std::mem::take(&mut self.0.lock().expect("no panic under the lock"))
    }

    pub(crate) fn take_certificates(&self) -> Vec<Option<Vec<u8>>> {
        self.take().into_iter().map(|(_, certificate)| certificate).collect()
    }
}

#[async_trait]
impl Authenticator for Recorder {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, AuthError> {
        let certificate = credentials.certificate.map(|certificate| certificate.der.clone());
        self.0.lock().expect("no panic under the lock").push((credentials.address, certificate));
        Ok(Principal::anonymous())
    }
}

#[tokio::test]
async fn the_authenticator_sees_the_address_of_the_client() {
    let server = TestServer::start().await;
    let recorder = Arc::new(Recorder::default());
    let api = server.api().with_authenticator(recorder.clone());
    let bound = bind(Config::new(([127, 0, 0, 1], 0).into()), api).await.expect("a free port");
    let address = bound.local_addr();
    let running = tokio::spawn(bound.run(std::future::pending()));
    let reply = Reply::parse(&send(address, &request("GET /orders", &[], b"")).await);
    assert_eq!(reply.status, 200);
    assert_eq!(recorder.take(), [(Some(IpAddr::from([127, 0, 0, 1])), None)]);
    running.abort();
}
