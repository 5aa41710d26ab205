//! The request bodies that a simulator has accepted.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request with a body that the API has accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Upload {
    /// The method.
    pub method: Method,
    /// The path and the query.
    pub path: String,
    /// The headers, without those that carry a credential.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
    /// The trailers, if any came.
    pub trailers: Option<HeaderMap>,
}

/// The newest uploads, bounded in number and in bytes.
#[derive(Default)]
pub(crate) struct Uploads {
    kept: VecDeque<Upload>,
    bytes: usize,
}

impl Uploads {
    const MOST: usize = 1024;
    const MOST_BYTES: usize = 64 << 20;

    pub(crate) fn push(&mut self, upload: Upload) {
        self.bytes += upload.body.len();
        self.kept.push_back(upload);
        while self.kept.len() > Self::MOST || self.bytes > Self::MOST_BYTES {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= oldest.body.len();
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<Upload> {
        self.kept.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_bounded() {
        let mut uploads = Uploads::default();
        let upload = |bytes: usize| Upload {
            method: Method::POST,
            path: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::from(vec![0; bytes]),
            trailers: None,
        };
        for _ in 0..2000 {
            uploads.push(upload(1));
        }
        assert_eq!(uploads.to_vec().len(), 1024);
        uploads.push(upload(64 << 20));
        assert_eq!(uploads.to_vec().len(), 1);
    }
}
