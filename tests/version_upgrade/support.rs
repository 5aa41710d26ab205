//! Two versions of a login that are counted and obey.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{BoxError, service_fn, util::BoxCloneSyncService};

use crate::common::{self, Body};

/// One version of a login. It answers with a status, and the body that was sent to it.
#[derive(Clone)]
pub(crate) struct Login {
    status: Arc<Mutex<StatusCode>>,
    calls: Arc<AtomicUsize>,
}

pub(crate) type Client<B = Body> = BoxCloneSyncService<Request<B>, Response<Body>, BoxError>;

impl Login {
    pub(crate) fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self {
            status: Arc::new(Mutex::new(status)),
            calls: Arc::default(),
        }
    }

    /// The version that is gone.
    pub(crate) fn gone() -> Self {
        Self::new(409)
    }

    pub(crate) fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = StatusCode::from_u16(status).unwrap();
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn service<B>(&self) -> Client<B>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let login = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<B>| {
            let login = login.clone();
            async move {
                login.calls.fetch_add(1, Ordering::SeqCst);
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(Into::into)?.to_bytes();
                // What is asked for is in the status already, whenever the answer is read.
                let mut response = Response::new(Body::new(body));
                *response.status_mut() = *login.status.lock().unwrap();
                if let Some(name) = head.headers.get("x-name") {
                    response.headers_mut().insert("x-name", name.clone());
                }
                Ok(response)
            }
        }))
    }
}

pub(crate) fn post(body: &'static str) -> Request<Body> {
    Request::post(format!("{}/auth", common::ORIGIN))
        .header("x-name", "kept")
        .body(Body::from(body))
        .unwrap()
}
