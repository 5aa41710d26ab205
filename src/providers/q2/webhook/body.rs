//! Reading what a sender sends: up to a cap, and in time.

use std::{pin::pin, time::Duration};

use bytes::Buf;
use http_body::Body;
use http_body_util::BodyExt;
use zeroize::Zeroizing;

use super::Refusal;
use crate::{
    Clock,
    providers::common::exchange::{append, within},
};

/// Frames without data cost time and no cap: no honest sender sends so many.
const MAX_EMPTY_FRAMES: usize = 1024;

/// Reads `body` to its end, not a frame further than `cap` bytes, and no longer than `timeout`.
pub(super) async fn read<B: Body>(
    body: B,
    cap: usize,
    timeout: Duration,
    clock: &dyn Clock,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    if body.size_hint().lower() > cap as u64 {
        return Err(Refusal::TooLarge);
    }
    let reading = async {
        let mut body = pin!(body);
        let mut buffer = Zeroizing::new(Vec::new());
        let mut empty = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::Broken)?;
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            empty += usize::from(!data.has_remaining());
            if data.remaining() > cap - buffer.len() || empty > MAX_EMPTY_FRAMES {
                return Err(Refusal::TooLarge);
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                append(&mut buffer, chunk);
                let length = chunk.len();
                data.advance(length);
            }
        }
        Ok(buffer)
    };
    within(clock, timeout, reading)
        .await
        .unwrap_or(Err(Refusal::TooSlow))
}
