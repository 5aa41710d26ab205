//! The signature on requests, which the vendor's Nexus portal can make compulsory.

use std::{
    fmt,
    future::Future,
    num::NonZeroU8,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use aws_lc_rs::{rand::SystemRandom, signature::RsaKeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Request, header::DATE};
use pin_project_lite::pin_project;
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use time::{
    OffsetDateTime,
    format_description::well_known::{
        Iso8601,
        iso8601::{Config, EncodedConfig, TimePrecision},
    },
};
use tower_layer::Layer;
use tower_service::Service;
use zeroize::Zeroizing;

use crate::{
    BoxError, Clock, Error, ErrorKind, Token,
    origin::{Destination, Origins},
};

const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// ISO 8601 in UTC, to the millisecond, as in the vendor's sample: `2019-09-17T14:14:24.874Z`.
const TO_THE_MILLISECOND: EncodedConfig = Config::DEFAULT
    .set_time_precision(TimePrecision::Second {
        decimal_digits: NonZeroU8::new(3),
    })
    .encode();

/// The private key that signs requests: RSA of 2048 bits or more, as the vendor's documentation of
/// 2020 asks for. Its public half is registered in the vendor's Nexus portal.
///
/// `Debug` shows nothing.
#[derive(Clone)]
pub struct SigningKey(Arc<RsaKeyPair>);

/// Layer that signs each request for Q2, anew each time it is sent.
///
/// The text `METHOD:/v1/path?query:API_KEY:DATE` is signed with RSA PKCS#1 v1.5 and SHA-256. The
/// signature goes into the header `Signature`, in base64, and the date into the header `Date`, in
/// ISO 8601 and not in the form of RFC 9110: a layer below that rewrites `Date` breaks it. As a
/// signature holds its date, the layer stands below everything that sends a second time: just above
/// the client. See [`Q2::signing_layer`](super::Q2::signing_layer).
///
/// Requests to other origins than that of the API pass as they are.
#[derive(Clone, Debug)]
#[must_use]
pub struct SigningLayer {
    signer: Option<Signer>,
}

/// Middleware that signs each request for Q2. See [`SigningLayer`].
#[derive(Clone, Debug)]
pub struct Signing<S> {
    inner: S,
    signer: Option<Signer>,
}

pin_project! {
    /// Response future of [`Signing`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        // Waiting for the answer.
        Sending { #[pin] future: F },
        // The request could not be signed, so it was not sent.
        Failed { error: Option<Error> },
    }
}

/// Signs what goes to the API.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) key: SigningKey,
    pub(super) api_key: Token,
    pub(super) origins: Origins,
    pub(super) clock: Arc<dyn Clock>,
}

// === impl SigningKey ===

impl SigningKey {
    /// Reads a private key in PEM: PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1
    /// (`BEGIN RSA PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// Fails as [`ErrorKind::Config`] if it is not an RSA key of 2048 bits or more.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let key = private_key(pem.as_ref())?;
        RsaKeyPair::from_pkcs8(&key)
            .or_else(|_| RsaKeyPair::from_der(&key))
            .map(|key| Self(Arc::new(key)))
            .map_err(|_| wrong_key())
    }

    fn sign(&self, text: &[u8]) -> Result<String, Error> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let padding = &aws_lc_rs::signature::RSA_PKCS1_SHA256;
        self.0
            .sign(padding, &SystemRandom::new(), text, &mut signature)
            .map_err(|_| Error::with_message(ErrorKind::Config, "the request cannot be signed"))?;
        Ok(STANDARD.encode(signature))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").finish_non_exhaustive()
    }
}

/// Reads the DER of a private key out of PEM.
pub(super) fn private_key(pem: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| wrong_key())?;
    Ok(Zeroizing::new(key.secret_der().to_vec()))
}

pub(super) fn wrong_key() -> Error {
    super::api::config(
        "the private key cannot be used: it must be an RSA key of 2048 bits or more, in PEM \
         (BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY), without a pass phrase",
    )
}

// === impl Signer ===

impl Signer {
    /// Puts the date and the signature into `request`, if it goes to the API.
    pub(super) fn sign<B>(&self, request: &mut Request<B>) -> Result<(), Error> {
        if !matches!(self.origins.check(request.uri()), Destination::Ours) {
            return Ok(());
        }
        let date = OffsetDateTime::from(self.clock.wall())
            .format(&Iso8601::<TO_THE_MILLISECOND>)
            .map_err(|_| super::api::config("this machine's clock shows no date"))?;
        let path = request.uri().path_and_query();
        let path = path.map_or("/", |path| path.as_str());
        let text = Zeroizing::new(format!(
            "{}:{path}:{}:{date}",
            request.method(),
            self.api_key.expose()
        ));
        let signature = self.key.sign(text.as_bytes())?;
        let mut signature = HeaderValue::try_from(signature).expect("base64 is ASCII");
        signature.set_sensitive(true);
        let date = HeaderValue::try_from(date).expect("a date is ASCII");
        request.headers_mut().insert(DATE, date);
        request.headers_mut().insert(SIGNATURE, signature);
        Ok(())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

// === impl SigningLayer ===

impl SigningLayer {
    pub(super) fn new(signer: Option<Signer>) -> Self {
        Self { signer }
    }
}

impl<S> Layer<S> for SigningLayer {
    type Service = Signing<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Signing {
            inner,
            signer: self.signer.clone(),
        }
    }
}

// === impl Signing ===

impl<S> Signing<S> {
    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, B> Service<Request<B>> for Signing<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let signed = match &self.signer {
            Some(signer) => signer.sign(&mut request),
            None => Ok(()),
        };
        let state = match signed {
            Ok(()) => State::Sending {
                future: self.inner.call(request),
            },
            Err(error) => State::Failed { error: Some(error) },
        };
        ResponseFuture { state }
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Sending { future } => {
                Poll::Ready(ready!(future.poll(cx)).map_err(Into::into))
            }
            StateProj::Failed { error } => {
                let error = error.take().expect("polled after it was ready");
                Poll::Ready(Err(error.into()))
            }
        }
    }
}
