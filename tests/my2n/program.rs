//! A program that speaks version 1, as it was written before there was a version 2.

use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{BoxError, ServiceExt};

use crate::script::{API, Body, Client, PASSWORD, USER};

#[derive(Clone)]
pub(crate) struct Program {
    client: Client<Body>,
    username: String,
    password: String,
    key: Arc<Mutex<Option<String>>>,
}

impl Program {
    pub(crate) fn new(client: Client<Body>) -> Self {
        Self::of(client, USER, PASSWORD)
    }

    pub(crate) fn of(client: Client<Body>, username: &str, password: &str) -> Self {
        Self {
            client,
            username: username.into(),
            password: password.into(),
            key: Arc::default(),
        }
    }

    /// Logs in, and returns the status.
    pub(crate) async fn log_in(&self) -> Result<Response<Body>, BoxError> {
        let body = serde_json::json!({"username": self.username, "password": self.password});
        let request = Request::post(format!("{API}/auth"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))?;
        let answer = self.client.clone().oneshot(request).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("it is whole").to_bytes();
        if head.status == StatusCode::OK {
            let answer: serde_json::Value = serde_json::from_slice(&body)?;
            let key = answer["accessToken"].as_str().expect("a text").to_owned();
            *self.key.lock().unwrap() = Some(key);
        }
        Ok(Response::from_parts(head, Body::new(body)))
    }

    pub(crate) fn key(&self) -> Option<String> {
        self.key.lock().unwrap().clone()
    }

    pub(crate) fn set_key(&self, key: &str) {
        *self.key.lock().unwrap() = Some(key.to_owned());
    }

    /// Sends one request with the key that there is.
    pub(crate) async fn send(&self, uri: &str) -> Result<Response<Body>, BoxError> {
        let mut request = Request::get(uri);
        if let Some(key) = self.key() {
            request = request.header("X-Api-Key", key);
        }
        self.client
            .clone()
            .oneshot(request.body(Body::default())?)
            .await
    }

    /// Calls the API: logs in if it has not yet, and again after a `401`.
    pub(crate) async fn call(&self) -> Result<StatusCode, BoxError> {
        let uri = format!("{API}/users/current");
        if self.key().is_none() {
            self.log_in().await?;
        }
        let status = self.send(&uri).await?.status();
        if status != StatusCode::UNAUTHORIZED {
            return Ok(status);
        }
        self.log_in().await?;
        Ok(self.send(&uri).await?.status())
    }
}
