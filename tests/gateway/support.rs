//! A running gateway, and what stands around it.

use std::{net::SocketAddr, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_reauth::{
    BoxError, Code, CodeRequest, Session,
    providers::{back_office::BackOffice, q2::Q2},
    replay::ReplayBody,
    testing::{back_office, q2},
};

use crate::gateway::{Gateway, router};

const KEY: &str = "dc220490-e6ee-11e5-8a94-e7385a8d929e";

/// When it is dropped, neither simulator must have any complaints.
pub(crate) struct World {
    pub(crate) back_office: Arc<back_office::Simulator>,
    pub(crate) q2: q2::Simulator,
    pub(crate) session: Session,
    pub(crate) address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    /// How many calls the handlers are making.
    in_flight: watch::Sender<usize>,
    /// Somebody is asked for a code.
    asked: mpsc::UnboundedReceiver<()>,
    /// The code comes.
    come: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// One more in it, until it is dropped.
struct Counted(watch::Sender<usize>);

// === impl World ===

impl World {
    /// Codes come at once.
    pub(crate) async fn new() -> Self {
        let world = Self::with(back_office::Simulator::builder()).await;
        world.come.send_replace(true);
        world
    }

    /// The code of the sign-in comes when the test says so.
    pub(crate) async fn without_codes() -> Self {
        Self::with(back_office::Simulator::builder()).await
    }

    pub(crate) async fn with(back_office: back_office::Builder) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let back_office = Arc::new(back_office.two_factor(true).start().await.unwrap());
        let q2 = q2::Simulator::builder()
            .api_key(KEY)
            .sign_events(q2::Signature::new())
            .webhook(format!("http://{address}/q2/events"))
            .start()
            .await
            .unwrap();
        let client: Client<HttpConnector, ReplayBody<Body>> =
            Client::builder(TokioExecutor::new()).build_http();

        let (asking, asked) = mpsc::unbounded_channel();
        let come = watch::Sender::new(false);
        let codes = service_fn({
            let (mailbox, come) = (Arc::clone(&back_office), come.clone());
            move |_: CodeRequest| {
                let (mailbox, mut come) = (Arc::clone(&mailbox), come.subscribe());
                asking.send(()).ok();
                async move {
                    come.wait_for(|come| *come).await?;
                    Ok::<_, BoxError>(Code::new(mailbox.next_code("foo@bar.com").await)?)
                }
            }
        });
        let session = BackOffice::builder(client.clone(), back_office.base_url())
            .credentials("foo@bar.com", "Secret123")
            .code_service(codes)
            .build()
            .unwrap()
            .session()
            .build()
            .unwrap();
        let cards = Q2::builder(client.clone(), q2.base_url())
            .api_key(KEY)
            .build()
            .unwrap();
        let events = cards.webhook().published_keys().build().unwrap();

        let in_flight = watch::Sender::new(0);
        let stack = ServiceBuilder::new().layer(session.layer()).service(client);
        let api = service_fn({
            let in_flight = in_flight.clone();
            move |request: Request<Body>| {
                let (counted, call) = (Counted::new(&in_flight), stack.clone().oneshot(request));
                async move {
                    let _counted = counted;
                    call.await
                }
            }
        });
        let gateway = Gateway::new(api, &back_office.base_url(), cards);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            axum::serve(listener, router(gateway, events))
                .await
                .unwrap();
        });
        Self {
            back_office,
            q2,
            session,
            address,
            client: Client::builder(TokioExecutor::new()).build_http(),
            in_flight,
            asked,
            come,
            _serving: serving,
        }
    }

    /// Waits until so many calls are under way.
    pub(crate) async fn in_flight(&self, count: usize) {
        let mut in_flight = self.in_flight.subscribe();
        in_flight.wait_for(|now| *now == count).await.unwrap();
    }

    /// Waits until somebody is asked for a code.
    pub(crate) async fn asked(&mut self) {
        self.asked.recv().await.unwrap();
    }

    /// The code comes now, and from now on.
    pub(crate) fn give_code(&self) {
        self.come.send_replace(true);
    }

    /// From now on codes do not come.
    pub(crate) fn keep_codes(&mut self) {
        self.come.send_replace(false);
        while self.asked.try_recv().is_ok() {}
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

// === impl Counted ===

impl Counted {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.back_office.violations(), [""; 0]);
            assert_eq!(self.q2.violations(), [""; 0]);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
