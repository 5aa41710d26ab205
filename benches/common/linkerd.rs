//! A body that is kept while it passes, in the manner of linkerd's proxy: the frames go into a buffer
//! that both sides share under a lock.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body in hand. When it is dropped the state goes back to where the copy finds it.
pub struct Replay<B> {
    state: Option<State<B>>,
    shared: Arc<Mutex<Option<State<B>>>>,
    most: usize,
    replayed: usize,
}

struct State<B> {
    rest: B,
    kept: Vec<Bytes>,
    bytes: usize,
    is_capped: bool,
}

impl<B> Replay<B> {
    pub fn new(body: B, most: usize) -> Self {
        Self {
            state: Some(State {
                rest: body,
                kept: Vec::new(),
                bytes: 0,
                is_capped: false,
            }),
            shared: Arc::new(Mutex::new(None)),
            most,
            replayed: usize::MAX,
        }
    }

    pub fn copy(&self) -> Self {
        Self {
            state: None,
            shared: Arc::clone(&self.shared),
            most: self.most,
            replayed: 0,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Replay<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let state = match &mut this.state {
            Some(state) => state,
            none => {
                let found = this.shared.lock().expect("no panic").take();
                none.insert(found.expect("the first body is gone"))
            }
        };
        if let Some(kept) = state.kept.get(this.replayed) {
            this.replayed += 1;
            return Poll::Ready(Some(Ok(Frame::data(kept.clone()))));
        }
        let frame = ready!(Pin::new(&mut state.rest).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            state.bytes += data.len();
            state.is_capped |= state.bytes > this.most;
            if state.is_capped {
                state.kept.clear();
            } else {
                state.kept.push(data.clone());
            }
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            Some(state) => state.rest.size_hint(),
            None => SizeHint::default(),
        }
    }
}

impl<B> Drop for Replay<B> {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            *self.shared.lock().expect("no panic") = Some(state);
        }
    }
}
