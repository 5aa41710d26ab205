//! Failures inside a 200: the verdict is that of the whole body, however it is cut, and the body
//! goes on byte for byte.
#![no_main]

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_reauth::{
    layers::{
        NormalizeLayer,
        normalize::{Envelope, OAuthErrors},
    },
    providers::fintiv::Fintiv,
};
use tower_reauth_fuzz::{Answer, Calls, block_on};

/// A body in pieces of this length.
struct Pieces(Bytes, usize);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.0.len().min(self.1);
        let piece = self.0.split_to(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(piece))))
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&length, body)) = data.split_first() else {
        return;
    };
    let body = Bytes::copy_from_slice(body);
    let pieces = usize::from(length).max(1);
    both(OAuthErrors::new(), &body, pieces);
    let client = Answer::of(b"\0")
        .expect("an answer")
        .server(&Calls::default());
    let fintiv = Fintiv::builder(client, "https://api.example.com/auth")
        .api_key("key-of-the-app")
        .without_sign_on()
        .build()
        .expect("the settings are right");
    both(fintiv.envelope(), &body, pieces);
});

fn both<E>(envelope: E, body: &Bytes, pieces: usize)
where
    E: Envelope + Clone + Send + Sync + 'static,
    E::Reader: Send,
{
    let whole = judged(envelope.clone(), body, body.len().max(1));
    let cut = judged(envelope, body, pieces);
    assert_eq!(whole, cut);
}

fn judged<E>(envelope: E, body: &Bytes, pieces: usize) -> StatusCode
where
    E: Envelope + Clone + Send + Sync + 'static,
    E::Reader: Send,
{
    let server = {
        let body = body.clone();
        service_fn(move |_: Request<()>| {
            let frames = Pieces(body.clone(), pieces);
            let response = Response::builder()
                .header(header::CONTENT_TYPE, "application/json")
                .body(frames);
            async move { response.map_err(BoxError::from) }
        })
    };
    let client = NormalizeLayer::new(envelope).layer(server);
    block_on(async {
        let request = Request::get("https://api.example.com/auth/x").body(());
        let response = client.oneshot(request.expect("a request")).await;
        let response = response.expect("an answer");
        let status = response.status();
        let read = response
            .into_body()
            .collect()
            .await
            .expect("nothing is cut");
        assert_eq!(read.to_bytes(), *body);
        status
    })
}
