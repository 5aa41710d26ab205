//! Bodies that are in memory as a whole already.

use std::any::Any;

use bytes::Bytes;
use http_body_util::Full;

use super::ReplayBody;

/// Takes the bytes out of a body that is known to consist of them. If it is another it stays.
pub(crate) fn take_bytes<B: 'static>(body: &mut Option<B>) -> Option<Bytes> {
    let body: &mut dyn Any = body;
    if let Some(full) = body.downcast_mut::<Option<Full<Bytes>>>() {
        return Some(full.take()?.into_inner().unwrap_or_default());
    }
    if let Some(text) = body.downcast_mut::<Option<String>>() {
        return text.take().map(Bytes::from);
    }
    #[cfg(feature = "reqwest")]
    if let Some(body) = body.downcast_mut::<Option<reqwest::Body>>() {
        return body.take_if(|body| body.as_bytes().is_some()).map(read);
    }
    let bytes = wrapped::<Full<Bytes>>(body).or_else(|| wrapped::<String>(body));
    #[cfg(feature = "reqwest")]
    let bytes = bytes.or_else(|| wrapped::<reqwest::Body>(body));
    bytes
}

/// Takes the bytes out of a body that a layer of ours has wrapped, or two have.
fn wrapped<B: 'static>(body: &mut dyn Any) -> Option<Bytes> {
    if let Some(body) = body.downcast_mut::<Option<ReplayBody<B>>>() {
        return body.as_mut()?.take_bytes();
    }
    let body = body.downcast_mut::<Option<ReplayBody<ReplayBody<B>>>>()?;
    body.as_mut()?.take_bytes()
}

/// Returns the bytes that the body holds, without copying them.
#[cfg(feature = "reqwest")]
fn read(mut body: reqwest::Body) -> Bytes {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use http_body::Body;

    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    fn taken<B: 'static>(body: B) -> Option<Bytes> {
        take_bytes(&mut Some(body))
    }

    #[test]
    fn bodies_in_memory_are_known_however_often_they_are_wrapped() {
        let bytes = Bytes::from("hello");
        assert_eq!(taken(Full::new(bytes.clone())).unwrap(), bytes);
        assert_eq!(taken("hello".to_owned()).unwrap(), bytes);
        let once = || ReplayBody::new(Full::new(bytes.clone()));
        assert_eq!(taken(once()).unwrap(), bytes);
        let twice = ReplayBody::new(once());
        assert!(twice.stream().is_none());
        assert_eq!(taken(twice).unwrap(), bytes);
    }

    #[cfg(feature = "reqwest")]
    #[test]
    fn bodies_of_reqwest_in_memory_are_known_and_not_copied() {
        let bytes = Bytes::from(vec![1; 1000]);
        let body = reqwest::Body::from(bytes.clone());
        assert_eq!(taken(body).unwrap().as_ptr(), bytes.as_ptr());
        let wrapped = ReplayBody::new(ReplayBody::new(reqwest::Body::from(bytes.clone())));
        assert_eq!(taken(wrapped).unwrap().as_ptr(), bytes.as_ptr());
        assert_eq!(taken(reqwest::Body::default()).unwrap(), "");
    }

    #[test]
    fn streams_stay() {
        let frames = [Ok::<_, std::io::Error>(Frame::data(Bytes::from("hello")))];
        let stream = StreamBody::new(tokio_stream::iter(frames));
        let mut body = Some(ReplayBody::new(stream));
        assert_eq!(take_bytes(&mut body), None);
        assert!(body.unwrap().stream().is_some());
    }
}
