use std::{
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response,
    header::{ALLOW, AUTHORIZATION, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body::Body;
use http_body_util::Full;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tower_service::Service;
use zeroize::Zeroizing;

use super::{
    Refusal, SignatureError,
    body::read,
    builder::{Handler, OnRefusal, Verifier},
    jwe::Decryptor,
    jwt::Rules,
    keys::Keys,
};
use crate::{
    BoxError, Clock,
    providers::{
        common::exchange::within,
        q2::{Delivery, Event, delivery::Deliveries},
    },
};

/// Receiver of events: a tower service that takes HTTP requests and never fails.
///
/// See the [module docs](super) for what it does and an example. Clones share everything.
#[derive(Clone)]
pub struct Webhook {
    inner: Arc<Inner>,
}

/// What all clones share.
pub(super) struct Inner {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) deliveries: Arc<Deliveries>,
    pub(super) signature: Option<Signature>,
    pub(super) bearer: Option<Verifier>,
    pub(super) decryptor: Option<Decryptor>,
    pub(super) encrypted_only: bool,
    pub(super) handler: Option<Handler>,
    pub(super) on_refusal: Option<OnRefusal>,
    pub(super) max_body: usize,
    pub(super) read_timeout: Duration,
    pub(super) handler_timeout: Duration,
    pub(super) places: Semaphore,
}

/// The signature that every delivery must have.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) header: HeaderName,
    pub(super) keys: Keys,
    pub(super) rules: Rules,
}

// === impl Webhook ===

impl Webhook {
    pub(super) fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl<B> Service<Request<B>> for Webhook
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let result = inner.receive(request).await;
            Ok(inner.answer(result))
        })
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("signature", &self.inner.signature)
            .field("bearer", &self.inner.bearer.is_some())
            .field("decryptor", &self.inner.decryptor)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    async fn receive<B>(&self, request: Request<B>) -> Result<(), Refusal>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        // Who sends is settled before a byte of the body is read.
        self.check_bearer(request.headers()).await?;
        self.check_signature(request.headers()).await?;
        let _place = self.places.try_acquire().map_err(|_| Refusal::Busy)?;
        let (head, body) = request.into_parts();
        let body = read(body, self.max_body, self.read_timeout, &*self.clock).await?;
        let body = self.decrypt(&head.headers, body)?;
        let event = Event::from_json(body).ok_or(Refusal::Malformed)?;
        self.accept(event).await
    }

    async fn check_bearer(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(verifier) = &self.bearer else {
            return Ok(());
        };
        let token = only(headers, &AUTHORIZATION).ok_or(Refusal::NoBearer)?;
        let (scheme, token) = token.split_once(' ').ok_or(Refusal::NoBearer)?;
        if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
            return Err(Refusal::NoBearer);
        }
        let verifier = verifier.clone();
        let token = SecretString::from(token.trim());
        match self.call(move || verifier.oneshot(token)).await {
            Some(Ok(true)) => Ok(()),
            Some(Ok(false)) => Err(Refusal::Bearer),
            Some(Err(_)) | None => Err(Refusal::BearerUnknown),
        }
    }

    async fn check_signature(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(Signature {
            header,
            keys,
            rules,
        }) = &self.signature
        else {
            return Ok(());
        };
        if headers.get_all(header).iter().count() != 1 {
            return Err(Refusal::NoSignature);
        }
        let token = only(headers, header).ok_or(SignatureError::Malformed)?;
        keys.verify(rules, token.trim(), &*self.clock).await
    }

    fn decrypt(&self, headers: &HeaderMap, body: Zeroizing<Vec<u8>>) -> Result<Bytes, Refusal> {
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let kind = kind
            .and_then(|kind| kind.split(';').next())
            .unwrap_or_default();
        let is_encrypted = ["application/jose+json", "application/jose"]
            .iter()
            .any(|jose| kind.trim().eq_ignore_ascii_case(jose));
        match (&self.decryptor, is_encrypted) {
            (Some(decryptor), true) => decryptor.decrypt(&body),
            (None, true) => Err(Refusal::NoDecryptionKey),
            (_, false) if self.encrypted_only => Err(Refusal::NotEncrypted),
            (_, false) => Ok(crate::token::wiped_bytes(body)),
        }
    }

    /// Hands the event to whoever waits for it, and to the handler.
    async fn accept(&self, event: Event) -> Result<(), Refusal> {
        let mut claimed = match self.deliveries.claim(&event) {
            Ok(claimed) => claimed,
            Err(Delivery::Busy) => return Err(Refusal::NotNow),
            Err(_) => return Ok(()),
        };
        if self.deliveries.route(&event, &mut claimed) == Delivery::Busy {
            return Err(Refusal::NotNow);
        }
        if let Some(handler) = &self.handler {
            let handler = handler.clone();
            match self.call(move || handler.oneshot(event)).await {
                Some(Ok(())) => {}
                Some(Err(_)) | None => return Err(Refusal::Handler),
            }
        }
        claimed.done();
        Ok(())
    }

    /// Calls something of the user's. Nothing, if it panics or takes too long.
    async fn call<F: Future>(&self, start: impl FnOnce() -> F) -> Option<F::Output> {
        let future = catch_unwind(AssertUnwindSafe(start)).ok()?;
        let mut future = pin!(future);
        let guarded = poll_fn(|cx| {
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
                .map_or(Poll::Ready(None), |poll| poll.map(Some))
        });
        within(&*self.clock, self.handler_timeout, guarded)
            .await
            .flatten()
    }

    fn answer(&self, result: Result<(), Refusal>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        let Err(refusal) = result else {
            return response;
        };
        #[cfg(feature = "tracing")]
        tracing::debug!(%refusal, "a delivery to the webhook was not accepted");
        if let Some(hook) = &self.on_refusal {
            // Whoever looks on does not change the answer.
            drop(catch_unwind(AssertUnwindSafe(|| hook(refusal))));
        }
        *response.status_mut() = refusal.status();
        let header = match refusal {
            Refusal::Method => Some((ALLOW, "POST")),
            Refusal::NoBearer => Some((WWW_AUTHENTICATE, "Bearer")),
            Refusal::Bearer => Some((WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")),
            Refusal::NoSignature | Refusal::Signature(_) => Some((WWW_AUTHENTICATE, "Signature")),
            // RFC 9110 section 15.5.9.
            Refusal::TooSlow | Refusal::TooLarge => Some((CONNECTION, "close")),
            Refusal::NoKeys => Some((RETRY_AFTER, "60")),
            Refusal::Busy | Refusal::NotNow | Refusal::BearerUnknown => Some((RETRY_AFTER, "1")),
            _ => None,
        };
        if let Some((name, value)) = header {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Returns the value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
